//! Which container this process runs in, if it does. Its own output must not come back as input.

use docklog_protocol::ContainerId;

/// What engines mount into each container, from a folder that bears the container's id.
const MOUNTED: [&str; 3] = ["/etc/hostname", "/etc/resolv.conf", "/etc/hosts"];

/// The container that this process runs in.
pub fn container() -> Option<ContainerId> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    find(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"))
}

/// The control group comes first, where it tells (not in a namespace of its own, as engines make it with version 2): a
/// container that shares another's network has the other's files mounted.
fn find(mountinfo: &str, cgroup: &str) -> Option<ContainerId> {
    let mounts = mountinfo.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(3);
        let (source, target) = (fields.next()?, fields.next()?);
        MOUNTED.contains(&target).then_some(source)
    });
    cgroup.lines().chain(mounts).find_map(last_id)
}

/// The last one, for an engine may itself run in a container, and keep its files in a volume: both have such names.
fn last_id(path: &str) -> Option<ContainerId> {
    path.rsplit(|c: char| !c.is_ascii_hexdigit()).filter(|part| part.len() == 64).find_map(ContainerId::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> String {
        digit.to_string().repeat(64)
    }

    fn mount(source: &str, target: &str) -> String {
        format!("701 690 254:1 {source} {target} ro,relatime - ext4 /dev/vda1 rw\n")
    }

    #[test]
    fn it_is_told_by_any_of_the_mounted_files_or_by_the_control_group() {
        let own = ContainerId::parse(&id('a'));
        assert!(own.is_some());
        for file in ["hostname", "resolv.conf", "hosts"] {
            let source = format!("/var/lib/docker/containers/{}/{file}", id('a'));
            assert_eq!(find(&mount(&source, &format!("/etc/{file}")), "0::/\n"), own, "{file}");
        }
        assert_eq!(find("", &format!("4:memory:/docker/{}\n", id('a'))), own);
        assert_eq!(find("", &format!("0::/system.slice/docker-{}.scope\n", id('a'))), own);
    }

    #[test]
    fn a_machine_is_no_container_whatever_containers_it_has() {
        let shm = format!("/var/lib/docker/containers/{}/mounts/shm", id('a'));
        assert_eq!(find(&mount("/", &shm), "0::/system.slice/docklog.service\n"), None);
        assert_eq!(find(&mount("/etc/hostname", "/etc/hostname"), "0::/\n"), None);
        assert_eq!(find("cut off", ""), None);
    }

    #[test]
    fn an_engine_in_a_container_keeps_its_files_in_a_volume_of_a_like_name() {
        let source = format!("/volumes/{}/_data/containers/{}/hostname", id('b'), id('a'));
        assert_eq!(find(&mount(&source, "/etc/hostname"), "0::/\n"), ContainerId::parse(&id('a')));
        let cgroup = format!("9:name=systemd:/docker/{}/docker/{}\n", id('b'), id('a'));
        assert_eq!(find("", &cgroup), ContainerId::parse(&id('a')));
    }

    #[test]
    fn who_shares_the_network_of_another_is_not_taken_for_it() {
        let source = format!("/var/lib/docker/containers/{}/hostname", id('b'));
        let cgroup = format!("9:name=systemd:/docker/{}\n", id('a'));
        assert_eq!(find(&mount(&source, "/etc/hostname"), &cgroup), ContainerId::parse(&id('a')));
    }
}
