//! Which trees there are and what goes into each. An image that goes to `/` makes a system. Any other image goes into
//! the systems whose file systems name it where it goes, or, where no system does, into a tree of its own.

use std::collections::BTreeSet;

use crate::model::{Description, FileSystem, Role};

/// Until now, each image and each file system stands in the trees of the images' names, and in no other. Puts them
/// where they belong, and drops the trees that nothing goes into.
pub(super) fn settle(description: &mut Description) {
    let systems: Vec<bool> = (0..description.trees.len())
        .map(|tree| {
            let makes_it = |image: &crate::model::Image| image.trees == [tree] && image.target.is_root();
            description.images.iter().any(makes_it)
        })
        .collect();
    let takers = takers(description, &systems);
    for file_system in file_systems_mut(description) {
        if !file_system.trees.iter().any(|tree| systems[*tree]) {
            let further: Vec<usize> =
                file_system.trees.iter().flat_map(|tree| takers[*tree].iter().copied()).collect();
            file_system.trees.extend(further);
        }
        file_system.trees.retain(|tree| takers[*tree].is_empty());
        file_system.trees.sort_unstable();
        file_system.trees.dedup();
    }
    for index in 0..description.images.len() {
        let own = description.images[index].trees[0];
        if !takers[own].is_empty() {
            description.images[index].trees = places(description, index, &takers[own]);
        }
    }
    drop_empty(description);
}

/// Of each tree, the systems that take its images: those with a file system that names one of these images, and
/// is mounted where that goes or above.
fn takers(description: &Description, systems: &[bool]) -> Vec<BTreeSet<usize>> {
    let mut takers = vec![BTreeSet::new(); systems.len()];
    for image in &description.images {
        let own = image.trees[0];
        if systems[own] {
            continue;
        }
        for file_system in description.file_systems() {
            let above = file_system.mount.as_ref().is_some_and(|mount| mount.holds(image.target.as_path()));
            if above && file_system.trees.contains(&own) {
                takers[own].extend(file_system.trees.iter().copied().filter(|tree| systems[*tree]));
            }
        }
    }
    takers
}

/// The trees that an image is pulled into so that it comes once onto each file system that holds it. Where several
/// systems share that, it is pulled into the last of them: after their own images, which may have files there too.
fn places(description: &Description, image: usize, takers: &BTreeSet<usize>) -> Vec<usize> {
    let target = description.images[image].target.as_path();
    let mut found: Vec<(usize, usize)> = Vec::new();
    for tree in takers {
        let holds = |(_, file_system): &(usize, &FileSystem)| {
            file_system.trees.contains(tree)
                && file_system.mount.as_ref().is_some_and(|mount| mount.holds(target))
        };
        let deepest =
            description.file_systems().enumerate().filter(holds).max_by_key(|(_, file_system)| {
                file_system.mount.as_ref().map(crate::model::MountPoint::depth)
            });
        let Some((index, _)) = deepest else { continue };
        match found.iter_mut().find(|(known, _)| *known == index) {
            Some((_, last)) => *last = *tree,
            None => found.push((index, *tree)),
        }
    }
    found.into_iter().map(|(_, tree)| tree).collect()
}

fn drop_empty(description: &mut Description) {
    let used: Vec<bool> = (0..description.trees.len())
        .map(|tree| description.images.iter().any(|image| image.trees.contains(&tree)))
        .collect();
    let number = |tree: usize| used[..tree].iter().filter(|used| **used).count();
    for image in &mut description.images {
        image.trees.iter_mut().for_each(|tree| *tree = number(*tree));
    }
    for file_system in file_systems_mut(description) {
        file_system.trees.retain(|tree| used[*tree]);
        file_system.trees.iter_mut().for_each(|tree| *tree = number(*tree));
    }
    let mut index = 0..;
    description.trees.retain(|_| used[index.next().expect("it has no end")]);
}

fn file_systems_mut(description: &mut Description) -> impl Iterator<Item = &mut FileSystem> {
    let partitions =
        description.disks.iter_mut().flat_map(|disk| &mut disk.volumes).filter_map(
            |volume| match &mut volume.role {
                Role::FileSystem(file_system) => Some(file_system),
                _ => None,
            },
        );
    let arrays = description.arrays.iter_mut().map(|array| &mut array.file_system);
    let logical = description.groups.iter_mut().flat_map(|group| &mut group.volumes);
    partitions.chain(arrays).chain(logical.map(|volume| &mut volume.file_system))
}
