//! Several processes at one run, started by MPI.

use std::process::ExitCode;

use anyhow::Result;

use crate::args::{Command, Machine};

/// What launchers of MPI call the number of processes and the number of one of them.
const LAUNCHED: [[&str; 2]; 3] = [
    ["OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"],
    ["PMI_SIZE", "PMI_RANK"],
    ["MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"],
];

/// How many processes a launcher of MPI has started, and the number of this one; none where it has started one alone.
fn launched() -> Option<[usize; 2]> {
    let number = |name| std::env::var(name).ok()?.parse().ok();
    let found = LAUNCHED.iter().find_map(|[size, rank]| Some([number(size)?, number(rank)?]));
    found.filter(|[size, _]| *size > 1)
}

/// Where the work of a command that several processes can share is computed; none of others.
fn shared(command: &Command) -> Option<&Machine> {
    match command {
        Command::Fit(args) => Some(&args.run.machine),
        Command::Search(args) => Some(&args.run.machine),
        Command::Train(args) => Some(&args.run.machine),
        Command::Select(args) => Some(&args.fit.run.machine),
        _ => None,
    }
}

/// What this process does.
#[derive(Debug)]
pub enum Role {
    /// What it was asked for; it ends with [`leave`].
    Ask,
    /// It has followed the first process, or there was nothing for it to do.
    Done(ExitCode),
}

/// Finds the other processes, if there are some. All but the first do what that wants, and come back when it wants
/// nothing more.
///
/// # Errors
/// Other processes at a command that they cannot share, or of a build without MPI; what a follower finds.
pub fn join(command: &Command) -> Result<Role> {
    let Some([size, rank]) = launched() else { return Ok(Role::Ask) };
    let Some(machine) = shared(command) else {
        if rank > 0 {
            return Ok(Role::Done(ExitCode::FAILURE));
        }
        anyhow::bail!(
            "MPI started {size} processes, and this is a command for one: fit, search, train and select are for several"
        );
    };
    world::join([size, rank], machine)
}

#[cfg(feature = "mpi")]
pub use world::{current, leave};

/// The other processes: there are none without MPI.
#[cfg(not(feature = "mpi"))]
pub fn current() -> Option<std::sync::Arc<dyn softcell::ranks::Exchange>> {
    None
}

/// Lets the others go.
#[cfg(not(feature = "mpi"))]
pub fn leave() {}

#[cfg(not(feature = "mpi"))]
mod world {
    use super::{ExitCode, Machine, Result, Role};

    pub fn join([size, rank]: [usize; 2], _: &Machine) -> Result<Role> {
        if rank > 0 {
            return Ok(Role::Done(ExitCode::FAILURE));
        }
        anyhow::bail!(
            "MPI started {size} processes, and this build knows no MPI: build it with `--features mpi`, or start one process"
        )
    }
}

#[cfg(feature = "mpi")]
mod world {
    use std::process::ExitCode;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex, OnceLock, PoisonError};
    use std::time::Duration;

    use anyhow::{Context, Result};
    use mpi::Threading;
    use mpi::datatype::PartitionMut;
    use mpi::environment::Universe;
    use mpi::topology::SimpleCommunicator;
    use mpi::traits::*;
    use softcell::ranks::{Exchange, dismiss, follow};

    use super::{Machine, Role};
    use crate::machine;
    use crate::progress::say_error;

    /// The tag of orders; numbers have 0.
    const ORDER: i32 = 1;
    /// How often one who waits for an order looks for it: it may be long, and waiting in MPI takes a core.
    const PAUSE: Duration = Duration::from_millis(2);

    static UNIVERSE: Mutex<Option<Universe>> = Mutex::new(None);
    static WORLD: OnceLock<Arc<World>> = OnceLock::new();

    /// All processes that were started together.
    #[derive(Debug)]
    struct World {
        rank: usize,
        ranks: usize,
        /// Calls of MPI, and bytes that this process has handed to them.
        messages: AtomicU64,
        bytes: AtomicU64,
    }

    impl World {
        fn count(&self, values: usize) -> SimpleCommunicator {
            self.messages.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(4 * values as u64, Ordering::Relaxed);
            SimpleCommunicator::world()
        }
    }

    impl Exchange for World {
        fn rank(&self) -> usize {
            self.rank
        }

        fn ranks(&self) -> usize {
            self.ranks
        }

        fn gather(&self, own: &[f32], lens: &[usize]) -> Vec<f32> {
            let counts: Vec<i32> = lens.iter().map(|&len| len as i32).collect();
            let starts: Vec<i32> = counts
                .iter()
                .scan(0, |next, count| {
                    *next += count;
                    Some(*next - count)
                })
                .collect();
            let mut all = vec![0.0f32; lens.iter().sum()];
            let mut parts = PartitionMut::new(&mut all[..], counts, starts);
            self.count(own.len()).all_gather_varcount_into(own, &mut parts);
            all
        }

        fn send(&self, values: &[f32], to: usize) {
            self.count(values.len()).process_at_rank(to as i32).send(values);
        }

        fn receive(&self, values: &mut [f32], from: usize) {
            self.count(0).process_at_rank(from as i32).receive_into(values);
        }

        fn waiting(&self) -> Option<usize> {
            let status = SimpleCommunicator::world().any_process().immediate_probe_with_tag(0);
            status.map(|status| status.source_rank() as usize)
        }

        fn broadcast(&self, values: &mut [f32]) {
            self.count(values.len()).process_at_rank(0).broadcast_into(values);
        }

        fn announce(&self, text: String) -> String {
            let world = SimpleCommunicator::world();
            if self.rank == 0 {
                for rank in 1..self.ranks {
                    world.process_at_rank(rank as i32).send_with_tag(text.as_bytes(), ORDER);
                }
                return text;
            }
            let first = world.process_at_rank(0);
            while first.immediate_probe_with_tag(ORDER).is_none() {
                std::thread::sleep(PAUSE);
            }
            let (bytes, _) = first.receive_vec_with_tag::<u8>(ORDER);
            String::from_utf8(bytes).expect("rank 0 sends text")
        }
    }

    pub fn join([size, rank]: [usize; 2], machine: &Machine) -> Result<Role> {
        let found = mpi::initialize_with_threading(Threading::Serialized);
        let (universe, threading) = found.context("MPI cannot be initialised")?;
        let world = SimpleCommunicator::world();
        let (found, number) = (world.size() as usize, world.rank() as usize);
        if threading < Threading::Serialized || [found, number] != [size, rank] {
            // Others may wait for this one already.
            eprintln!(
                "error: MPI of {found} processes, called from one thread alone ({threading:?}): expected {size}, and a library \
                 that may be called from any thread; the program may have been built with another library than mpirun's"
            );
            world.abort(1);
        }
        *UNIVERSE.lock().unwrap_or_else(PoisonError::into_inner) = Some(universe);
        let world = WORLD.get_or_init(|| {
            Arc::new(World { rank, ranks: size, messages: AtomicU64::new(0), bytes: AtomicU64::new(0) })
        });
        if rank == 0 {
            return Ok(Role::Ask);
        }
        ignore_signals();
        let exchange: Arc<dyn Exchange> = world.clone();
        let outcome = machine::open(machine).and_then(|machine| Ok(follow(&exchange, &machine)?));
        if let Err(error) = outcome {
            eprint!(
                "{}",
                say_error(Default::default(), &format!("rank {rank} of {size}: {error:#}"), Vec::new())
            );
            SimpleCommunicator::world().abort(1);
        }
        finalize();
        Ok(Role::Done(ExitCode::SUCCESS))
    }

    /// The other processes, if there are some.
    pub fn current() -> Option<Arc<dyn Exchange>> {
        WORLD.get().map(|world| Arc::clone(world) as Arc<dyn Exchange>)
    }

    /// Lets the others go, where this is the first process.
    pub fn leave() {
        if let Some(world) = WORLD.get().filter(|world| world.rank == 0) {
            dismiss(&**world);
            if std::env::var_os("SOFTCELL_COUNT_MESSAGES").is_some() {
                let (messages, bytes) = (&world.messages, &world.bytes);
                let [messages, bytes] = [messages, bytes].map(|count| count.load(Ordering::Relaxed));
                eprintln!("rank 0 of {}: {messages} messages, {bytes} bytes handed to MPI", world.ranks);
            }
            finalize();
        }
    }

    fn finalize() {
        drop(UNIVERSE.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// The first process decides what comes of Ctrl-C, which goes to all.
    fn ignore_signals() {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        for signal in [SIGINT, SIGHUP, SIGTERM] {
            let _ = signal_hook::flag::register(signal, Arc::new(std::sync::atomic::AtomicBool::new(false)));
        }
    }
}
