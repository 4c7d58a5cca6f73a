//! The kinds of change, one after the other. What is changed is drawn in [`super::update`].

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};

use rustix::fs::FileType;

use super::update::{Known, Reach, Update};
use crate::acl::{ACCESS, Acl, DEFAULT};
use crate::at::{Place, Tree};

/// A directory with more than this in it is too much of the tree to lose.
const SUBTREE: usize = 100;

impl Update<'_> {
    pub(super) fn contents(&mut self) {
        let is_large = |it: &Known| it.metadata.is_file() && it.metadata.len() > 10_000;
        self.change("bytes in the middle changed", Reach::Itself, is_large, |update, place, old| {
            let length = 1 + update.random.below(2000);
            update.overwrite(place, old.len() / 2, length)
        });
        self.change("bytes in many places changed", Reach::Itself, is_large, |update, place, old| {
            for part in 0..5 {
                update.overwrite(place, old.len() / 5 * part, 3)?;
            }
            Ok(())
        });
        self.change("bytes inserted at the start", Reach::Itself, is_large, |update, place, _| {
            let mut content = update.random.bytes(123);
            content.extend(fs::read(place.path())?);
            place.write(&content)
        });
        self.change("blocks moved within", Reach::Itself, is_large, |_, place, _| {
            let mut content = fs::read(place.path())?;
            let middle = content.len() / 2;
            content.rotate_left(middle);
            place.write(&content)
        });
        self.change("appended to", Reach::Itself, is_large, |update, place, old| {
            let length = 1 + update.random.below(5000);
            let content = update.random.bytes(length);
            OpenOptions::new().write(true).open(place.path())?.write_all_at(&content, old.len())
        });
        self.change("truncated", Reach::Itself, is_large, |_, place, old| {
            OpenOptions::new().write(true).open(place.path())?.set_len(old.len() / 3)
        });
        self.change("emptied", Reach::Itself, is_small_file, |_, place, _| place.write(b""));
        self.change("rewritten", Reach::Itself, is_small_file, |update, place, _| {
            place.write(&update.random.text(333))
        });
        if self.options.hidden {
            self.change_only("changed behind its size and time", is_large, |update, place, old| {
                update.overwrite(place, old.len() / 3, 64)?;
                place.set_time((old.mtime(), old.mtime_nsec()))
            });
        }
    }

    pub(super) fn kinds(&mut self) {
        self.change(
            "file became a directory",
            Reach::Beneath,
            |it| it.metadata.is_file(),
            |update, place, _| {
                place.remove()?;
                update.fill_directory(place)
            },
        );
        self.change(
            "file became a symlink",
            Reach::Beneath,
            |it| it.metadata.is_file(),
            |_, place, _| {
                place.remove()?;
                place.make_symlink(b"../became/a/symlink")
            },
        );
        let is_symlink = |it: &Known| it.metadata.is_symlink();
        self.change("symlink became a directory", Reach::Beneath, is_symlink, |update, place, _| {
            place.remove()?;
            update.fill_directory(place)
        });
        self.change("symlink became a file", Reach::Beneath, is_symlink, |_, place, _| {
            place.remove()?;
            place.write(b"was a symlink\n")
        });
        self.change("symlink got another target", Reach::Beneath, is_symlink, |_, place, _| {
            place.remove()?;
            place.make_symlink(b"another/target")
        });
        let is_fifo = |it: &Known| it.metadata.file_type().is_fifo();
        self.change("FIFO became a file", Reach::Beneath, is_fifo, |_, place, _| {
            place.remove()?;
            place.write(b"was a FIFO\n")
        });
        if self.options.special_files {
            let is_device = |it: &Known| it.metadata.file_type().is_char_device();
            self.change("device got another number", Reach::Beneath, is_device, |_, place, _| {
                place.remove()?;
                place.make_node(FileType::CharacterDevice, 11, 300)
            });
            self.change("file became a device", Reach::Beneath, is_small_file, |_, place, _| {
                place.remove()?;
                place.make_node(FileType::CharacterDevice, 1, 5)
            });
            self.change("file became a FIFO", Reach::Beneath, is_small_file, |_, place, _| {
                place.remove()?;
                place.make_node(FileType::Fifo, 0, 0)
            });
        }
        let clashes = self.options.clashes;
        let may_go =
            move |it: &Known| it.metadata.is_dir() && (it.beneath == 0 || clashes && it.beneath < SUBTREE);
        self.change("directory became a file", Reach::Beneath, may_go, |_, place, _| {
            place.remove()?;
            place.write(b"was a directory\n")
        });
        self.change("directory became a symlink", Reach::Beneath, may_go, |_, place, _| {
            place.remove()?;
            place.make_symlink(b"elsewhere")
        });
    }

    pub(super) fn names(&mut self) {
        self.change("removed", Reach::Beneath, |it| !it.metadata.is_dir(), |_, place, _| place.remove());
        let is_subtree = |it: &Known| it.metadata.is_dir() && (1..SUBTREE).contains(&it.beneath);
        self.change("removed with all beneath", Reach::Beneath, is_subtree, |_, place, _| place.remove());
        self.beside("renamed to", Reach::Beneath, is_subtree, |_, old, new| old.rename_to(new));
        self.beside(
            "renamed to",
            Reach::Beneath,
            |it| it.metadata.is_file(),
            |_, old, new| old.rename_to(new),
        );
        self.beside(
            "beside it a new file",
            Reach::Itself,
            |_| true,
            |update, _, new| {
                let length = update.random.below(100_000);
                new.write(&update.random.text(length))?;
                new.set_time(update.some_time())
            },
        );
        self.beside(
            "beside it a new directory",
            Reach::Itself,
            |_| true,
            |update, _, new| {
                update.fill_directory(new)?;
                new.set_time(update.some_time())
            },
        );
        self.beside(
            "beside it a new symlink",
            Reach::Itself,
            |_| true,
            |update, _, new| {
                new.make_symlink(b"new")?;
                new.set_time(update.some_time())
            },
        );
    }

    pub(super) fn metadata(&mut self) {
        type Is = fn(&Known) -> bool;
        let (file, directory): (Is, Is) = (|it| it.metadata.is_file(), |it| it.metadata.is_dir());
        let symlink: Is = |it| it.metadata.is_symlink();
        for is in [file, directory] {
            self.change_only("mode changed", is, |update, place, old| {
                // Another one for certain: what is added differs in its lowest bit from what was.
                let mode = u32::try_from(update.random.below(0o10000)).expect("twelve bits fit");
                place.set_mode(mode & !1 | (!old.mode() & 1))
            });
        }
        for is in [file, directory, symlink] {
            self.change_only("owner changed", is, |update, place, old| {
                let number = u32::try_from(update.random.below(70_000)).expect("a small number fits");
                place.set_owner(u32::from(old.uid() == 0), number)
            });
            self.change_only("time changed", is, |update, place, _| place.set_time(update.some_time()));
        }
        if self.options.xattrs {
            for is in [file, directory, symlink] {
                self.change_only("attribute set", is, |update, place, _| {
                    let length = update.random.below(100);
                    place.set_xattr(b"trusted.update", &update.random.bytes(length))
                });
                let has = move |it: &Known| is(it) && it.xattrs.iter().any(|name| !is_acl(name));
                self.change_only("attributes removed", has, |_, place, _| {
                    for (name, _) in place.xattrs()? {
                        if !is_acl(&name) {
                            place.remove_xattr(&name)?;
                        }
                    }
                    Ok(())
                });
            }
        }
        if self.options.acls {
            for is in [file, directory] {
                self.change_only("ACL set", is, |update, place, _| {
                    place.set_xattr(ACCESS.as_bytes(), &update.some_acl().encode())
                });
            }
            self.change_only("default ACL set", directory, |update, place, _| {
                place.set_xattr(DEFAULT.as_bytes(), &update.some_acl().encode())
            });
            for is in [file, directory] {
                let has = move |it: &Known| is(it) && it.xattrs.iter().any(|name| is_acl(name));
                self.change_only("ACLs removed", has, |_, place, _| {
                    for (name, _) in place.xattrs()? {
                        if is_acl(&name) {
                            place.remove_xattr(&name)?;
                        }
                    }
                    Ok(())
                });
            }
        }
    }

    pub(super) fn hard_links(&mut self) {
        let is_linked = |it: &Known| it.metadata.is_file() && it.metadata.nlink() > 1;
        // The content changes as well: that two names with equal content no longer share an inode is
        // something that rsync leaves as it is.
        self.change("left its hard-link group", Reach::Beneath, is_linked, |update, place, _| {
            place.remove()?;
            place.write(&update.random.text(500))
        });
        self.beside(
            "beside it another name for it",
            Reach::Itself,
            |it| !it.metadata.is_dir(),
            |_, old, new| new.make_link_to(old),
        );
        let Some(other) = self.pick(&|it| it.metadata.is_file(), Reach::Itself) else { return };
        let (other, leader) = (self.known[other].path.clone(), self.tree.at(&self.known[other].path));
        self.touched.insert(other.clone());
        let same = leader.metadata().expect("what was picked is there");
        let is_another = move |it: &Known| it.metadata.is_file() && it.metadata.ino() != same.ino();
        let what = format!("became another name for {}", other.escape_ascii());
        self.change(&what, Reach::Beneath, is_another, |_, place, _| {
            place.remove()?;
            place.make_link_to(&leader)
        });
    }

    fn overwrite(&mut self, place: &Place, offset: u64, length: usize) -> io::Result<()> {
        let content = self.random.bytes(length);
        OpenOptions::new().write(true).open(place.path())?.write_all_at(&content, offset)
    }

    fn fill_directory(&mut self, place: &Place) -> io::Result<()> {
        place.make_directory()?;
        let within = Tree::open(&place.path())?;
        for name in [b"one".as_slice(), b"two"] {
            let file = within.place(name)?;
            file.write(&self.random.text(100))?;
            file.set_time(self.some_time())?;
        }
        Ok(())
    }

    fn some_acl(&mut self) -> Acl {
        let id = u32::try_from(1 + self.random.below(60_000)).expect("a small number fits");
        Acl { owner: 6, users: vec![(id, 5)], group: 4, groups: vec![(id, 1)], mask: 5, other: 0 }
    }
}

fn is_acl(attribute: &[u8]) -> bool {
    attribute.starts_with(b"system.posix_acl_")
}

fn is_small_file(known: &Known) -> bool {
    known.metadata.is_file() && (1..10_000).contains(&known.metadata.len())
}
