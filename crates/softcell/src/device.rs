//! The choice of device: the only place that knows which backends were compiled in.

pub use burn::tensor::Device;

use crate::error::{Error, Result};
use crate::space::wording::nearest;

/// The names of all devices that there are features for.
const ALL: [&str; 5] = ["cpu", "wgpu", "cuda", "rocm", "metal"];

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

/// A device that the sources know.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DeviceInfo {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Whether this build has it; another is built with the feature of its name.
    pub built: bool,
    /// The vector instructions that its kernels use here, where that is known.
    pub vectors: Option<&'static str>,
    /// Threads that it computes with here, where that is known.
    pub threads: Option<usize>,
}

/// Every device, those first that this build has.
pub fn devices() -> Vec<DeviceInfo> {
    let built = device_names();
    let all = [
        ("cpu", "the processors, by kernels of this program"),
        ("wgpu", "graphics cards by Vulkan, Metal or DirectX"),
        ("cuda", "graphics cards of NVIDIA"),
        ("rocm", "graphics cards of AMD"),
        ("metal", "graphics cards of Apple"),
    ];
    let of = |(name, about): (&'static str, &'static str)| {
        let cpu = name == "cpu";
        DeviceInfo {
            name,
            about,
            built: built.contains(&name),
            vectors: cpu.then(softcell_kernels::isa_name),
            threads: cpu.then(rayon::current_num_threads),
        }
    };
    let mut devices: Vec<DeviceInfo> = all.into_iter().map(of).collect();
    devices.sort_by_key(|device| !device.built);
    devices
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
        _ => {
            let near = nearest(name, ALL).map_or(String::new(), |near| format!(" (nearest: {near})"));
            Err(Error::setting("device", name, format!("one of {}{near}", device_names().join(", "))))
        }
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
