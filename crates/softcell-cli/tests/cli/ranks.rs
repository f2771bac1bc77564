//! Several processes at one run, started by MPI.

use crate::support::softcell;

/// What launchers tell the processes that they start.
#[cfg(not(feature = "mpi"))]
#[test]
fn without_mpi_several_processes_are_refused_once() {
    let here = tempfile::tempdir().unwrap();
    for (rank, said) in [("0", "MPI started 4 processes, and this build knows no MPI"), ("1", "")] {
        let mut command = softcell(here.path(), "fit --out r");
        let output =
            command.env("OMPI_COMM_WORLD_SIZE", "4").env("OMPI_COMM_WORLD_RANK", rank).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(text.contains(said) && text.is_empty() == said.is_empty(), "{text}");
        assert!(!here.path().join("r").exists());
    }
    let mut alone = softcell(here.path(), "genotype list");
    assert!(
        alone.env("OMPI_COMM_WORLD_SIZE", "1").env("OMPI_COMM_WORLD_RANK", "0").status().unwrap().success()
    );
}

#[cfg(feature = "mpi")]
mod started {
    use std::io::{BufRead, BufReader};
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    use super::softcell;
    use crate::support::{assert_same, succeed};

    const SETTINGS: &str = "--images-per-class 24 --search-init-channels 4 --search-layers 3 --nodes 2 --search-epochs 2 \
                            --train-init-channels 4 --train-layers 3 --train-epochs 2 --batch-size 32 --threads";

    /// `mpirun` with so many processes of the program.
    fn mpirun(here: &Path, ranks: usize, args: &str) -> Command {
        let alone = softcell(here, args);
        let mut command = Command::new("mpirun");
        command.args(["--allow-run-as-root", "--oversubscribe", "-n", &ranks.to_string()]);
        command.arg(alone.get_program()).args(alone.get_args()).current_dir(here);
        command.envs(alone.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    }

    fn done(here: &Path, ranks: usize, args: &str) {
        let output = mpirun(here, ranks, args).output().expect("mpirun starts");
        assert!(output.status.success(), "{ranks} ranks, {args}: {output:?}");
    }

    /// Ranks of `mpirun` that have told of an epoch, and what they say after it.
    fn begun(here: &Path, ranks: usize, args: &str) -> (Child, impl Iterator<Item = String> + use<>) {
        let mut command = mpirun(here, ranks, args);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        lines.find(|line| line.contains("search ") && line.contains("loss")).expect("an epoch is told");
        (child, lines)
    }

    #[test]
    fn ranks_come_to_the_bits_of_one_process() {
        let here = tempfile::tempdir().unwrap();
        let here = here.path();
        for (name, more) in [
            ("first-order", ""),
            ("second-order", "--unrolled"),
            ("sampled", "--method gdas --search-epochs 2"),
        ] {
            succeed(here, &format!("fit {SETTINGS} 2 {more} --out {name}"));
            for (ranks, threads) in [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (4, 1), (4, 2)] {
                let out = format!("{name}-{ranks}-{threads}");
                done(here, ranks, &format!("fit {SETTINGS} {threads} {more} --out {out}"));
                assert_same(&here.join(name), &here.join(&out));
            }
        }
    }

    #[test]
    fn a_selection_is_the_same_on_any_number_of_ranks() {
        let here = tempfile::tempdir().unwrap();
        let here = here.path();
        let args = format!("fit {SETTINGS} 1 --seeds 1 --random 2 --select-epochs 2 --trainings 1");
        succeed(here, &format!("{args} --out one"));
        done(here, 3, &format!("{args} --out three"));
        assert_same(&here.join("one"), &here.join("three"));
        succeed(here, "runs . --verify");
    }

    /// A rank that is killed takes the others along within seconds, and the run goes on with another number of them.
    #[test]
    fn a_killed_rank_ends_the_run_and_leaves_its_checkpoint() {
        let here = tempfile::tempdir().unwrap();
        let here = here.path();
        let args = format!("fit {SETTINGS} 1 --search-epochs 40");
        succeed(here, &format!("{args} --out whole"));
        let (mut child, lines) = begun(here, 3, &format!("{args} --checkpoint-seconds 0 --out r"));
        let started = Command::new("pgrep").args(["-P", &child.id().to_string()]).output().unwrap();
        let ranks = String::from_utf8(started.stdout).unwrap();
        let last = ranks.lines().last().expect("a rank");
        assert!(Command::new("kill").args(["-KILL", last]).status().unwrap().success());
        let rest: Vec<String> = lines.collect();
        assert!(!child.wait().unwrap().success());
        assert!(rest.iter().any(|line| line.contains("exited on signal 9")), "{rest:?}");
        done(here, 2, &format!("{args} --out r --resume"));
        assert_same(&here.join("whole"), &here.join("r"));
        succeed(here, "runs r --verify");
    }

    #[test]
    fn ctrl_c_saves_and_stops_all_ranks() {
        let here = tempfile::tempdir().unwrap();
        let here = here.path();
        let args = format!("fit {SETTINGS} 1 --search-epochs 40");
        succeed(here, &format!("{args} --out whole"));
        let (mut child, lines) = begun(here, 3, &format!("{args} --out r"));
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let rest: Vec<String> = lines.collect();
        assert!(!child.wait().unwrap().success());
        assert!(rest.iter().any(|line| line.contains("all is saved")), "{rest:?}");
        succeed(here, &format!("{args} --out r --resume"));
        assert_same(&here.join("whole"), &here.join("r"));
    }

    #[test]
    fn a_command_for_one_process_is_refused_once() {
        let here = tempfile::tempdir().unwrap();
        let output = mpirun(here.path(), 3, "genotype list").output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{text}");
        assert_eq!(text.matches("this is a command for one").count(), 1, "{text}");
    }
}
