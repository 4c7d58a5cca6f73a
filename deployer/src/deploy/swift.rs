//! The `swift` driver: images are file systems, written from a web server to the devices where they are mounted.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use rsync_proto::report::Progress;
use uuid::Uuid;

use super::preflight::Survey;
use super::receipt::ImageReceipt;
use super::{DeployDriver, DeployError, Job, marker, phases};
use crate::disk::adopt::Adoption;
use crate::image::{self, Address, ImageError, ImageStream, Line, Trouble};
use crate::model::{FsKind, Image, MountPoint};
use crate::mount::MountedTree;
use crate::plan::Images;
use crate::plan::step::{Phase, Step};
use crate::progress::Display;
use crate::stop::Stop;

/// Writes images of file systems.
pub(super) struct Swift;

impl DeployDriver for Swift {
    fn name(&self) -> &'static str {
        "swift"
    }

    fn about(&self) -> &'static str {
        "writes images of file systems from a web server to the devices"
    }

    fn images(&self) -> Images {
        Images::FileSystems
    }

    fn takes(&self, image: &Image) -> Result<(), String> {
        match Address::parse(&image.url) {
            Ok(_) => Ok(()),
            Err(reason) => Err(format!("the swift driver cannot write it: {reason}")),
        }
    }

    fn survey(&self, job: &Job<'_>, image: &Image, _: &[&MountPoint]) -> Result<Survey, DeployError> {
        let (line, stop) = (line(job, image)?, &job.stop);
        for tree in &image.trees {
            let place = job.plan.place_of(*tree, image).expect("images without a place were refused");
            let (node, kind, has) = (&place.node, place.spec.kind, place.bytes);
            attended(stop, &line, std::future::pending(), || {
                let stream = open(&line, image, kind, stop)?;
                let needed = stream.len();
                match needed > has {
                    true => Err(stream.error(Trouble::TooLarge { needed, node: node.clone(), has })),
                    false => Ok(()),
                }
            })?;
        }
        // What is in it nobody sees before it is mounted.
        Ok(Survey { needs: Vec::new(), bootable: None, split_links: 0 })
    }

    fn copy_image(&self, job: &mut Job<'_>) -> Result<(), DeployError> {
        job.each_step(Phase::CopyImage, |job, step| match step {
            Step::WriteImage { tree, target, node, .. } => {
                let images = job.description.images_of(job.tree(tree));
                let image = images.into_iter().find(|image| image.target.as_path() == target);
                write(job, image.expect("steps name images of the description"), tree, node)
            }
            Step::Adopt { tree, node, kind, label } => adopt(job, tree, node, *kind, label.as_deref()),
            Step::Fstab { tree } => finish(job, tree),
            _ => Ok(()),
        })
    }
}

fn line(job: &Job<'_>, image: &Image) -> Result<Line, DeployError> {
    let address = Address::parse(&image.url).expect("images that are not taken were refused");
    let shown = address.to_string();
    Line::to(address, &job.options.web).map_err(|trouble| ImageError { address: shown, trouble }.into())
}

fn open(line: &Line, image: &Image, kind: FsKind, stop: &Stop) -> Result<ImageStream, ImageError> {
    let stream = ImageStream::open(line, &image.checks, stop)?;
    let found = stream.content().kind;
    match found == kind {
        true => Ok(stream),
        false => Err(stream.error(Trouble::OtherKind { found, expected: kind })),
    }
}

/// Does work that waits for a server or a disk in a thread of its own, while `show` shows how far it is. On a signal, the
/// server is waited for no more.
fn attended<T: Send>(
    stop: &Stop,
    line: &Line,
    show: impl Future<Output = ()>,
    work: impl FnOnce() -> Result<T, ImageError> + Send,
) -> Result<T, DeployError> {
    thread::scope(|scope| {
        let (done, ended) = tokio::sync::oneshot::channel();
        let worker = scope.spawn(move || {
            let result = work();
            let _ = done.send(());
            result
        });
        let waited = stop.or_until(async {
            tokio::select! {
                _ = ended => Ok(()),
                () = show => unreachable!("showing has no end"),
            }
        });
        if waited.is_err() {
            line.hang_up();
        }
        let result = worker.join().expect("the work does not panic");
        match waited {
            Ok(()) => Ok(result?),
            Err(_) => Err(DeployError::Stopped),
        }
    })
}

fn write(job: &mut Job<'_>, image: &Image, tree: &str, node: &Path) -> Result<(), DeployError> {
    let (line, stop) = (line(job, image)?, &job.stop);
    let kind = job.file_system(node).spec.kind;
    let progress = Arc::new(Progress::default());
    let display = Display::choose(!job.reporter.is_quiet());
    job.reporter.beside(display.bar());
    let started = Instant::now();
    let show = async {
        tokio::join!(
            display.follow(Arc::clone(&progress), |line| job.reporter.line(line)),
            super::tell(&job.reporter, Arc::clone(&progress))
        );
    };
    let result = attended(stop, &line, show, || {
        let mut stream = open(&line, image, kind, stop)?;
        progress.entries_listed.store(1, Ordering::Relaxed);
        progress.bytes_listed.store(stream.len(), Ordering::Relaxed);
        progress.list_complete.store(true, Ordering::Relaxed);
        image::write(&mut stream, node, &progress.bytes_done)?;
        progress.entries_done.store(1, Ordering::Relaxed);
        Ok(stream.sent())
    });
    job.reporter.beside(None);
    display.clear();
    let seconds = started.elapsed().as_secs_f64();
    let received = result.as_ref().ok().copied();
    job.receipt.image(ImageReceipt::of_file_system(tree, image, seconds, &progress, received));
    result.map(drop)
}

/// Makes a file system that came as an image one of its device.
fn adopt(
    job: &mut Job<'_>,
    tree: &str,
    node: &Path,
    kind: FsKind,
    label: Option<&str>,
) -> Result<(), DeployError> {
    let uuid = Uuid::new_v4();
    let file_system = job.file_system(node);
    let adoption = Adoption::of(node, kind, label, uuid, Path::new(crate::mount::PLACE));
    adoption.before(&job.stop)?;
    let mounted = MountedTree::alone(file_system, "/")?;
    let tree = job.tree(tree);
    if job.file_system_at(tree, "/").is_some_and(|root| root.node == node) {
        // An image may say of itself that it is complete.
        marker::write(job, tree, mounted.root(), Phase::Partitioning, false)?;
    }
    adoption.mounted(&job.stop)?;
    mounted.close()?;
    adoption.after(&job.stop)?;
    job.receipt.uuid(node, &uuid.to_string());
    Ok(())
}

/// What belongs into a system beside its images.
fn finish(job: &mut Job<'_>, tree: &str) -> Result<(), DeployError> {
    let tree = job.tree(tree);
    let mounted = MountedTree::mount(&job.plan, tree)?;
    for point in mounted.hides() {
        let message = format!(
            "{}: the image has files in {}, where another file system is mounted, so that nobody sees them: write an image \
             of those there too, or take \"{}\" out of the description",
            job.description.trees[tree].name,
            point.display(),
            point.display()
        );
        job.reporter.warn(&message);
        job.receipt.warnings.push(message);
    }
    phases::keep_from_starting(job, tree, mounted.root())?;
    phases::complete_images(job, tree, mounted.root())?;
    Ok(mounted.close()?)
}
