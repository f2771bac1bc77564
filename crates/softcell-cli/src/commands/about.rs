//! What this build is and what it runs on here: `softcell --version --verbose` and `softcell --device list`.

use anyhow::Result;
use serde::Serialize;
use softcell::nn::{self, DeviceInfo};

use crate::output::{Form, print, print_json};

/// What this build is and what it runs with here.
#[derive(Debug, Serialize)]
struct Build {
    version: &'static str,
    features: Vec<&'static str>,
    arch: &'static str,
    os: &'static str,
    /// The vector instructions of the kernels.
    vectors: &'static str,
    /// Threads of the machine.
    threads: usize,
}

impl Build {
    fn this() -> Build {
        let features = [
            ("verify", cfg!(feature = "verify")),
            ("raster", cfg!(feature = "raster")),
            ("wgpu", cfg!(feature = "wgpu")),
            ("cuda", cfg!(feature = "cuda")),
            ("rocm", cfg!(feature = "rocm")),
            ("metal", cfg!(feature = "metal")),
            ("mpi", cfg!(feature = "mpi")),
        ];
        Build {
            version: env!("CARGO_PKG_VERSION"),
            features: features.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect(),
            arch: std::env::consts::ARCH,
            os: std::env::consts::OS,
            vectors: softcell_kernels::isa_name(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// Prints what this build is.
///
/// # Errors
/// As [`print()`].
pub fn version(form: Form) -> Result<()> {
    let build = Build::this();
    if form == Form::Json {
        return print_json(&build);
    }
    let Build { version, features, arch, os, vectors, threads } = build;
    let features = if features.is_empty() { "none".to_owned() } else { features.join(", ") };
    print(&format!(
        "softcell {version}\nfeatures  {features}\nsystem    {arch} {os}\nvectors   {vectors}\nthreads   {threads}\n"
    ))
}

/// Prints which devices there are, and which of them this build can run on.
///
/// # Errors
/// As [`print()`].
pub fn devices(form: Form) -> Result<()> {
    let devices = nn::devices();
    if form == Form::Json {
        return print_json(&devices);
    }
    print(&table_of(&devices))
}

fn table_of(devices: &[DeviceInfo]) -> String {
    let mut text = String::new();
    let mut others = Vec::new();
    for DeviceInfo { name, about, built, vectors, threads } in devices {
        if !built {
            others.push(*name);
            continue;
        }
        let vectors = vectors.map_or(String::new(), |vectors| format!(", {vectors}"));
        let threads = threads.map_or(String::new(), |threads| match threads {
            1 => ", 1 thread".to_owned(),
            n => format!(", {n} threads"),
        });
        text.push_str(&format!("{name:5}  {about}{vectors}{threads}\n"));
    }
    let without = match others.as_slice() {
        [] => String::new(),
        names => {
            let builds = names.join("|");
            format!(
                "this build is without {}: `cargo build --release --features {builds}` makes one with it\n",
                names.join(", ")
            )
        }
    };
    text + &without
}
