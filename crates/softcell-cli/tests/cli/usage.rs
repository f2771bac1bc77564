//! Help, and what is said of a command line or a file that cannot be meant.

use std::io::pipe;

use crate::support::{fail, run, softcell, succeed};
use crate::transcript::Transcript;

/// Commands that have no settings of a run.
const OTHERS: [&str; 24] = [
    "--version",
    "--help",
    "",
    "evaluate --help",
    "predict --help",
    "export --help",
    "import --help",
    "runs --help",
    "report --help",
    "genotype --help",
    "genotype show --help",
    "genotype draw --help",
    "genotype convert --help",
    "genotype list --help",
    "data --help",
    "data inspect --help",
    "replay --help",
    "bench --help",
    "bench step --help",
    "bench train --help",
    "bench evaluate --help",
    "bench ops --help",
    "completions --help",
    "man --help",
];

#[test]
fn help_shows_commands_examples_and_settings() {
    let here = tempfile::tempdir().unwrap();
    let mut told = Transcript::new(here.path());
    for args in OTHERS {
        let code = told.run(args, &[]).code;
        assert_eq!(code, Some(if args.is_empty() { 2 } else { 0 }), "{args}");
    }
    told.check("help");
    for command in ["fit", "search", "train"] {
        let mut told = Transcript::new(here.path());
        told.succeed(&format!("{command} --help"));
        told.check(&format!("help-{command}"));
    }
}

#[test]
fn devices_are_listed_whatever_else_is_asked_for() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let said = succeed(here, "--device list");
    assert!(said.out.starts_with("cpu    the processors"), "{said:?}");
    assert!(said.out.contains("this build is without ") && said.out.contains("--features "), "{said:?}");
    for args in ["fit --device list", "evaluate --device=list"] {
        assert_eq!(succeed(here, args).out, said.out, "{args}");
    }
    let devices = succeed(here, "--device list --json").json();
    let cpu = &devices[0];
    assert_eq!((&cpu["name"], &cpu["built"]), (&"cpu".into(), &true.into()));
    assert!(cpu["threads"].as_u64().unwrap() > 0 && cpu["vectors"].is_string(), "{cpu}");
    assert!(devices.as_array().unwrap().iter().any(|device| device["name"] == "cuda"), "{devices}");
    // Every device that is built can be opened, every other one says how it is built.
    for device in devices.as_array().unwrap() {
        let name = device["name"].as_str().unwrap();
        if device["built"] == false {
            let said = run(here, &format!("fit --out r --device {name}"));
            assert!(said.err.contains(&format!("--features {name}")), "{said:?}");
        }
    }
    fail(here, "fit --out r --device gpu", 1, &["--device = gpu", "one of cpu", "--device list"]);
    fail(here, "fit --out r --device cdua", 1, &["(nearest: cuda)"]);
    let version = succeed(here, "--version --json").json();
    assert!(version["features"].is_array() && version["vectors"] == cpu["vectors"], "{version}");
}

#[test]
fn a_wrong_command_line_is_explained() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let mut told = Transcript::new(here);
    told.fail("fit --epoch 3", 2);
    told.fail("fit --epochs three", 2);
    told.fail("fit --learning-rate -3e-4 --out r", 1);
    told.fail("search --candidates none,sep_conv_3", 2);
    told.fail("search --auxiliary", 2);
    told.fail("search --max-params 1M", 2);
    told.fail("fit --preset papre-cifar10", 2);
    told.fail("fit --resume", 2);
    told.fail("fit --resume --force --out r", 2);
    told.fail("fit -q -v", 2);
    told.fail("fit --tui -q", 2);
    told.fail("fit --tui --log-format json", 2);
    told.fail("fit --budget soon", 2);
    told.fail("fit --budget never", 2);
    told.fail("train", 2);
    told.fail("train --run r --genotype DARTS_V2", 2);
    told.fail("train --run r --out q", 2);
    told.fail("train --unrolled", 2);
    told.fail("fit --threads 0", 2);
    told.fail("fit --device toaster --out r", 1);
    told.check("wrong-command-lines");
    assert!(
        !here.join("r").exists() && !here.join("runs").exists(),
        "nothing is made for a wrong command line"
    );
}

#[test]
fn a_wrong_settings_file_is_explained() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let mut told = Transcript::new(here);
    for text in ["[search]\nepoch = 3\n", "[search\nepochs = 3\n", "[train]\nmomentum = 1.5\n"] {
        std::fs::write(here.join("my.toml"), text).unwrap();
        told.remark(&format!("my.toml: {text:?}"));
        told.fail("fit --config my.toml", 1);
    }
    told.fail("fit --config none.toml", 1);
    told.check("wrong-settings-files");
}

#[test]
fn missing_data_and_runs_are_explained() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let mut told = Transcript::new(here);
    told.fail("fit --data nowhere --out r", 1);
    told.fail("fit --data nowhere -q", 1);
    told.fail("data inspect nowhere", 1);
    told.fail("evaluate --run nowhere", 1);
    told.fail("predict --run nowhere a.png", 1);
    told.fail("train --run nowhere", 1);
    told.fail("train --from nowhere --out r", 1);
    told.fail("report --run nowhere", 1);
    told.fail("report --compare nowhere elsewhere", 1);
    told.fail("export --run nowhere --format onnx", 1);
    told.fail("import --weights nowhere.pt --genotype DARTS_V2", 1);
    told.fail("runs nowhere", 1);
    told.fail("replay nowhere.safetensors", 1);
    told.fail("genotype show nowhere/genotype.txt", 1);
    told.fail("genotype convert nowhere/cell.yaml --to darts", 1);
    told.fail("genotype draw nowhere/file.txt --out a.svg", 1);
    told.fail("genotype draw --run nowhere --out a.svg", 1);
    told.fail("bench evaluate --genotype nowhere/cell.txt", 1);
    told.check("missing-files");
    assert_eq!(std::fs::read_dir(here).unwrap().count(), 0, "nothing is made");
}

#[test]
fn a_reader_that_left_is_no_error() {
    let here = tempfile::tempdir().unwrap();
    for args in ["genotype list", "genotype show DARTS_V2 --json", "data inspect digits"] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = softcell(here.path(), args).stdout(writer).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && err.is_empty(), "{args}: {:?} {err}", output.status);
    }
}

#[test]
fn an_unknown_instruction_set_is_not_ignored() {
    let here = tempfile::tempdir().unwrap();
    let mut command = softcell(here.path(), "bench evaluate --steps 1 --init-channels 4 --layers 3");
    let out = command.env("SOFTCELL_ISA", "sse").output().unwrap();
    let err = String::from_utf8(out.stderr).unwrap();
    assert!(!out.status.success() && err.contains("SOFTCELL_ISA = sse") && err.contains("avx2"), "{err}");
}

#[test]
fn shells_and_manuals_know_the_commands() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let text = succeed(here, &format!("completions {shell}")).out;
        assert!(text.contains("softcell") && text.contains("max-params"), "{shell}: {} bytes", text.len());
    }
    // What the shell itself says of them.
    let script = "source <(./softcell completions bash) && COMP_WORDS=(softcell fit --max-pa) COMP_CWORD=2 && \
                  _softcell softcell --max-pa fit && echo ${COMPREPLY[@]}";
    let script = script.replace("./softcell", env!("CARGO_BIN_EXE_softcell"));
    if let Ok(said) = std::process::Command::new("bash").args(["-c", &script]).output() {
        let said =
            format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert_eq!(said.trim(), "--max-params");
    }
    succeed(here, "man --out pages/man1");
    let page = std::fs::read_to_string(here.join("pages/man1/softcell-fit.1")).unwrap();
    assert!(page.contains("budget") && page.starts_with(".ie"), "{}", &page[..200]);
    assert!(!here.join("pages/man1/softcell-parts.1").exists());
    std::fs::write(here.join("file"), "").unwrap();
    fail(here, "man --out file", 1, &["cannot be written to file"]);
    let version = succeed(here, "--version --verbose").out;
    for word in ["features  ", "vectors   ", "threads   "] {
        assert!(version.contains(word), "{version}");
    }
    assert_eq!(succeed(here, "--version").out.lines().count(), 1);
}
