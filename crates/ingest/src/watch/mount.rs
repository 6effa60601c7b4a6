//! Whether the kernel tells of changes in a folder: not of those that another machine
//! makes on a network file system.

use std::path::{Path, PathBuf};

/// Whether another machine may change files in `folder` without the kernel knowing.
pub(super) fn is_remote(folder: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    kind_of(&mounts, folder).is_some_and(is_remote_kind)
}

fn is_remote_kind(kind: &str) -> bool {
    const KINDS: [&str; 15] = [
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "drvfs",
        "fuse",
        "gfs2",
        "glusterfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb3",
        "virtiofs",
    ];
    KINDS.contains(&kind) || kind.starts_with("fuse.")
}

/// The kind of file system that holds `folder`.
fn kind_of<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    let mounted = mounts.lines().filter_map(|line| {
        // The number of optional fields before the dash varies.
        let (own, of_source) = line.split_once(" - ")?;
        let point = PathBuf::from(unescaped(own.split(' ').nth(4)?));
        let kind = of_source.split(' ').next()?;
        folder.starts_with(&point).then_some((point, kind))
    });
    // Of two at the same place the later one is seen.
    mounted
        .max_by_key(|(point, _)| point.components().count())
        .map(|(_, kind)| kind)
}

/// The kernel writes white space and backslashes as octal numbers.
fn unescaped(text: &str) -> String {
    const ESCAPES: [(&str, &str); 4] = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    ESCAPES
        .iter()
        .fold(text.to_owned(), |text, (escape, plain)| {
            text.replace(escape, plain)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_counts() {
        let mounts = "\
            1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
            2 1 0:5 / /data rw shared:1 - nfs4 host:/data rw\n\
            3 2 0:6 / /data/local\\040disk rw shared:2 master:3 - xfs /dev/sdb rw\n\
            4 1 0:7 / /s3 rw - fuse.s3fs s3fs rw\n";
        for (folder, kind, expected) in [
            ("/home", "ext4", false),
            ("/data/landing", "nfs4", true),
            ("/data/local disk/landing", "xfs", false),
            ("/database", "ext4", false),
            ("/s3/a", "fuse.s3fs", true),
        ] {
            let found = kind_of(mounts, Path::new(folder));
            assert_eq!(found, Some(kind), "{folder}");
            assert_eq!(found.is_some_and(is_remote_kind), expected, "{folder}");
        }
    }
}
