//! Which trees there are, which file systems belong to each, and where each image goes.

use super::*;

/// The mounts of each tree, by its name.
fn mounts(description: &Description) -> Vec<(&str, Vec<String>)> {
    let of = |tree: usize| {
        let its = description.file_systems().filter(|file_system| file_system.trees.contains(&tree));
        its.filter_map(|file_system| file_system.mount.as_ref().map(ToString::to_string)).collect()
    };
    description.trees.iter().enumerate().map(|(index, tree)| (tree.name.as_str(), of(index))).collect()
}

/// What is pulled into each tree, in its order: names and targets.
fn pulled(description: &Description) -> Vec<(&str, Vec<String>)> {
    let shown = |image: &&crate::model::Image| format!("{}:{}", image.name, image.target);
    let of = |tree: usize| description.images_of(tree).iter().map(shown).collect();
    description.trees.iter().enumerate().map(|(index, tree)| (tree.name.as_str(), of(index))).collect()
}

fn systems(description: &Description) -> Vec<&str> {
    description.systems().map(|tree| description.trees[tree].name.as_str()).collect()
}

/// Two systems and an image for a directory, with these volumes: mounts with the images that they name.
fn shared(volumes: &[(&str, &[&str])]) -> String {
    let image = |name: &str, target: &str| json!({"name": name, "image_pull_url": "h::m/", "target": target});
    let volume = |(mount, images): &(&str, &[&str])| json!({"type": "partition", "mount": mount, "images": images, "size": "100 MiB"});
    let volumes: Vec<Value> = volumes.iter().map(volume).collect();
    let disk =
        json!({"type": "disk", "id": {"type": "name", "value": "sda"}, "size": "10 GiB", "volumes": volumes});
    let images = [image("one", "/"), image("two", "/"), image("utils", "/usr/share/utils")];
    json!({"images": images, "partitions": [disk]}).to_string()
}

#[test]
fn a_file_system_belongs_to_the_images_that_it_names() {
    assert_eq!(
        mounts(&read(EVERYTHING)),
        [
            ("a", ["/boot", "/", "/usr/share/utils", "/srv", "/home"].map(str::to_owned).to_vec()),
            ("b", ["/", "/usr/share/utils", "/var", "/home"].map(str::to_owned).to_vec()),
        ]
    );
}

#[test]
fn images_of_one_name_share_a_tree() {
    let description = read(EVERYTHING);
    // What both systems share comes once, after their own images.
    let expected = [
        ("a", vec!["a:/".to_owned()]),
        ("b", ["b:/", "b:/var", "utils:/usr/share/utils"].map(str::to_owned).to_vec()),
    ];
    assert_eq!(pulled(&description), expected);
    // The one that goes nearer to the root comes first, however they are listed.
    let upside_down =
        changed(EVERYTHING, &[("/images/1/target", r#""/var""#), ("/images/2/target", r#""/""#)]);
    let description = read(&upside_down);
    assert_eq!(description.images_of(1)[0].path, "$.images[2]");
}

#[test]
fn an_image_goes_into_each_system_whose_root_names_it() {
    let text = shared(&[("/", &["one", "utils"]), ("/usr", &["one"]), ("/", &["two", "utils"])]);
    let description = read(&text);
    assert_eq!(
        pulled(&description),
        [
            ("one", ["one:/", "utils:/usr/share/utils"].map(str::to_owned).to_vec()),
            ("two", ["two:/", "utils:/usr/share/utils"].map(str::to_owned).to_vec()),
        ]
    );
    assert_eq!(systems(&description), ["one", "two"]);
    assert_eq!(mounts(&description)[0].1, ["/", "/usr"]);
}

#[test]
fn an_image_on_a_shared_file_system_comes_once() {
    let utils = ("/usr/share/utils", &["one", "two", "utils"][..]);
    let description = read(&shared(&[("/", &["one"]), ("/", &["two"]), utils]));
    let places: Vec<usize> = description.images[2].trees.clone();
    assert_eq!(places, [1]);
    assert!(mounts(&description).iter().all(|(_, mounts)| *mounts == ["/", "/usr/share/utils"]));
}

#[test]
fn a_file_system_that_only_such_an_image_names_is_mounted_where_that_goes() {
    let description = read(&shared(&[
        ("/", &["one", "utils"]),
        ("/", &["two", "utils"]),
        ("/usr/share/utils", &["utils"]),
    ]));
    assert_eq!(description.images[2].trees, [1]);
    assert!(mounts(&description).iter().all(|(_, mounts)| *mounts == ["/", "/usr/share/utils"]));
}

#[test]
fn an_image_that_no_system_takes_has_a_tree_of_its_own() {
    let description = read(&shared(&[("/", &["one"]), ("/", &["two"]), ("/usr/share/utils", &["utils"])]));
    assert_eq!(mounts(&description)[2], ("utils", vec!["/usr/share/utils".to_owned()]));
    assert_eq!(pulled(&description)[2].1, ["utils:/usr/share/utils"]);
    assert_eq!(systems(&description), ["one", "two"]);
    // A root alone makes no system: its image has to go there.
    let roots = shared(&[("/", &["one"]), ("/", &["two"]), ("/", &["utils"])]);
    assert_eq!(systems(&read(&roots)), ["one", "two"]);
}

#[test]
fn an_image_that_goes_nowhere_is_named() {
    let text = shared(&[("/", &["one"]), ("/", &["two"]), ("/usr/share/utils/more", &["utils"])]);
    let part = "no file system of the image \"utils\" is mounted at or above \"/usr/share/utils\"";
    wrong(&text, &[("$.images[2].target", part)], &text);
    let text = shared(&[("/", &["one"]), ("/usr", &["two"]), ("/", &["utils"])]);
    let part = "no file system of the image \"two\" is mounted at or above \"/\"";
    wrong(&text, &[("$.images[1].target", part)], &text);
}

#[test]
fn two_images_of_one_name_go_to_two_places() {
    let text = changed(EVERYTHING, &[("/images/2/target", r#""/""#)]);
    wrong(&text, &[("$.images[2].target", "another image \"b\" goes to \"/\" too")], &text);
}

#[test]
fn one_system_needs_no_common_boot_loader() {
    assert!(read(EVERYTHING).has_boot_menu());
    assert!(!read(EXAMPLE).has_boot_menu());
}
