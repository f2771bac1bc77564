//! Memory of this process and of the machine, where the system tells (Linux).

use std::fs;
use std::path::{Path, PathBuf};

/// Largest resident size of this process so far in MB (10⁶ bytes).
pub fn peak_rss_mb() -> Option<f64> {
    status("VmHWM:").map(|bytes| bytes as f64 / 1e6)
}

/// Resident size of this process now, in bytes.
pub fn resident_bytes() -> Option<u64> {
    status("VmRSS:")
}

fn status(name: &str) -> Option<u64> {
    kibibytes(&fs::read_to_string("/proc/self/status").ok()?, name)
}

/// Bytes that this process can still take before the system runs out of memory, the control group it runs
/// in is at its limit, or it has all the addresses (`ulimit -v`) or data (`ulimit -d`) that it may have.
pub fn available_bytes() -> Option<u64> {
    available_below(Path::new("/"))
}

/// What is available by a file system that has `proc` and `sys` in this folder.
fn available_below(root: &Path) -> Option<u64> {
    let machine = fs::read_to_string(root.join("proc/meminfo")).ok();
    let machine = machine.and_then(|text| kibibytes(&text, "MemAvailable:"));
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let of_groups = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (controllers, path) = (fields.nth(1)?, fields.next()?.trim_start_matches('/'));
        let (mount, files) = match controllers {
            "" => ("sys/fs/cgroup", ["memory.max", "memory.current", "inactive_file"]),
            list if list.split(',').any(|name| name == "memory") => (
                "sys/fs/cgroup/memory",
                ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"],
            ),
            _ => return None,
        };
        of_group(&root.join(mount), path, files)
    });
    machine.into_iter().chain(limits_below(root)).chain(of_groups).min()
}

/// The limits of a process, and what it has taken of them.
const LIMITS: [(&str, &str); 2] = [("Max address space", "VmSize:"), ("Max data size", "VmData:")];

/// What the process's own limits leave, where there are any, less what threads and the allocator set aside.
fn limits_below(root: &Path) -> Vec<u64> {
    let text = |name: &str| fs::read_to_string(root.join("proc/self").join(name)).unwrap_or_default();
    let (limits, status) = (text("limits"), text("status"));
    let left = |(name, taken): (&str, &str)| {
        let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
        // The first number is the limit that holds; `unlimited` is none.
        let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(limit.saturating_sub(kibibytes(&status, taken)?))
    };
    LIMITS.into_iter().filter_map(left).collect()
}

/// What a control group and those above it leave; inside of a container its own one may be mounted in place
/// of the top.
fn of_group(mount: &Path, path: &str, [limit, usage, cache]: [&str; 3]) -> Option<u64> {
    let number = |file: PathBuf| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    let group = mount.join(path);
    let above = group.ancestors().take_while(|folder| folder.starts_with(mount));
    let left = above.filter_map(|folder| {
        let (limit, used) = (number(folder.join(limit))?, number(folder.join(usage))?);
        // Pages of files that nobody needs are given up first.
        let given_up = fs::read_to_string(folder.join("memory.stat")).ok().and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix(cache)?.trim().parse::<u64>().ok());
            line.filter(|&bytes| bytes <= used)
        });
        Some(limit.saturating_sub(used - given_up.unwrap_or(0)))
    });
    left.min()
}

/// The number of a line such as `MemAvailable:  1234 kB`, in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|number| number * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn the_narrowest_limit_counts() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        assert_eq!(available_below(root), None);
        write(root, &[("proc/meminfo", "MemTotal:  9000 kB\nMemAvailable:    5000 kB\n")]);
        assert_eq!(available_below(root), Some(5000 * 1024));
        write(
            root,
            &[
                ("proc/self/cgroup", "0::/a/b\n"),
                ("sys/fs/cgroup/a/memory.max", "4000000\n"),
                ("sys/fs/cgroup/a/memory.current", "1000000\n"),
                ("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 200000\n"),
                ("sys/fs/cgroup/a/b/memory.max", "max\n"),
                ("sys/fs/cgroup/a/b/memory.current", "900000\n"),
            ],
        );
        assert_eq!(available_below(root), Some(3_200_000));
    }

    #[test]
    fn the_limits_of_the_process_count() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let limits = |data: &str, addresses: &str| {
            format!(
                "Limit             Soft Limit   Hard Limit  Units\n\
                 Max data size        {data}  unlimited  bytes\n\
                 Max address space    {addresses}  unlimited  bytes\n"
            )
        };
        write(
            root,
            &[
                ("proc/meminfo", "MemAvailable:    5000 kB\n"),
                ("proc/self/limits", &limits("unlimited", "unlimited")),
            ],
        );
        assert_eq!(available_below(root), Some(5000 * 1024));
        write(
            root,
            &[
                ("proc/self/limits", &limits("unlimited", "4096000")),
                ("proc/self/status", "VmSize:    1000 kB\nVmData:    700 kB\n"),
            ],
        );
        assert_eq!(available_below(root), Some(3000 * 1024));
        write(root, &[("proc/self/limits", &limits("1024000", "4096000"))]);
        assert_eq!(available_below(root), Some(300 * 1024));
    }

    #[test]
    fn the_older_control_groups_are_known() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        write(
            root,
            &[
                ("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/1\n"),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "300"),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "500"),
            ],
        );
        assert_eq!(available_below(root), Some(0), "the container sees its group at the top");
    }

    #[test]
    fn this_process_has_a_size() {
        if let (Some(now), Some(peak)) = (resident_bytes(), peak_rss_mb()) {
            assert!(now > 100_000 && peak * 1e6 > 100_000.0);
        }
    }
}
