//! The choice of device: the only place that knows which backends were compiled in.

pub use burn::tensor::Device;

use crate::error::{Error, Result};

/// Names of the devices of this build.
pub fn device_names() -> Vec<&'static str> {
    let mut names = vec!["cpu"];
    if cfg!(feature = "wgpu") {
        names.push("wgpu");
    }
    if cfg!(feature = "cuda") {
        names.push("cuda");
    }
    if cfg!(feature = "rocm") {
        names.push("rocm");
    }
    if cfg!(feature = "metal") {
        names.push("metal");
    }
    names
}

/// The device of a name, without autodiff.
///
/// # Errors
/// When the name is unknown, or its feature was not compiled in; when the environment variable
/// `SOFTCELL_ISA` asks for instructions that are not known.
pub fn open_device(name: &str) -> Result<Device> {
    if let Some(value) = softcell_kernels::unknown_isa() {
        return Err(Error::setting("SOFTCELL_ISA", value, "avx512, avx2 or portable, or not set at all"));
    }
    match name {
        "cpu" => Ok(Device::flex()),
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok(Device::wgpu(wgpu_kind())),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(0)),
        #[cfg(feature = "rocm")]
        "rocm" => Ok(Device::rocm(0)),
        #[cfg(feature = "metal")]
        "metal" => Ok(Device::metal(burn::tensor::DeviceKind::DefaultDevice)),
        // Only those whose feature is off get here.
        #[allow(unreachable_patterns)]
        "wgpu" | "cuda" | "rocm" | "metal" => Err(Error::setting(
            "device",
            name,
            format!(
                "one of {}; for {name} build with `cargo build --release --features {name}`",
                device_names().join(", ")
            ),
        )),
        _ => Err(Error::setting("device", name, format!("one of {}", device_names().join(", ")))),
    }
}

/// `SOFTCELL_WGPU=cpu` picks a software adapter, such as Mesa's, where there is no graphics card.
#[cfg(feature = "wgpu")]
fn wgpu_kind() -> burn::tensor::DeviceKind {
    match std::env::var("SOFTCELL_WGPU").as_deref() {
        Ok("cpu") => burn::tensor::DeviceKind::Cpu,
        _ => burn::tensor::DeviceKind::DefaultDevice,
    }
}
