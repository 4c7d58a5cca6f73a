//! What the tests share.

mod devices;
mod directories;
mod images;
mod sources;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Cursor, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{FileExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fatfs::{Dir, FileSystem, FormatVolumeOptions, FsOptions, format_volume};
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::http::{Clocks, shown};

fn load(source: &ConfigSource) -> Result<ConfigDrive, ConfigDriveError> {
    super::load(source, &Web::default())
}

/// A small ISO image: the descriptor, and nothing that it would describe.
fn iso(label: &str) -> Vec<u8> {
    let mut image = vec![0; 36 << 10];
    let descriptor = &mut image[32768..];
    descriptor[..7].copy_from_slice(b"\x01CD001\x01");
    descriptor[40..72].fill(b' ');
    descriptor[40..40 + label.len()].copy_from_slice(label.as_bytes());
    descriptor[80..84].copy_from_slice(&18u32.to_le_bytes());
    // What unpacks must be told from what was cut.
    image[35 << 10] = 7;
    image
}

fn fat(size: usize, cluster: u32, label: &str) -> Vec<u8> {
    let mut image = vec![0; size];
    let mut padded = [b' '; 11];
    padded[..label.len()].copy_from_slice(label.as_bytes());
    let options = FormatVolumeOptions::new().bytes_per_cluster(cluster).volume_label(padded);
    format_volume(Cursor::new(image.as_mut_slice()), options).unwrap();
    image
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// As Python's base64.encodebytes has it.
fn base64(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    text.as_bytes().chunks(76).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect()
}

fn encoded(image: &[u8]) -> ConfigSource {
    ConfigSource::Encoded(base64(&gzip(image)))
}

fn in_file(bytes: &[u8]) -> Result<ConfigDrive, ConfigDriveError> {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("image");
    fs::write(&path, bytes).unwrap();
    load(&ConfigSource::Directory(path))
}

fn in_directory(fill: impl FnOnce(&Path)) -> Result<ConfigDrive, ConfigDriveError> {
    let directory = TempDir::new().unwrap();
    fill(directory.path());
    load(&ConfigSource::Directory(directory.path().to_owned()))
}

/// A server for one request, which leaves the answer to `answer`; the URL that leads to it.
fn serve(answer: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/config", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && connection.read(&mut byte).unwrap_or(0) > 0 {
            request.extend(byte);
        }
        answer(connection);
    });
    url
}

/// Fetches an answer with this head and body.
fn fetched(head: &str, body: &[u8]) -> Result<ConfigDrive, ConfigDriveError> {
    let answer = [format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").as_bytes(), body].concat();
    load(&ConfigSource::Url(serve(move |mut connection| {
        // A client that has heard enough hangs up.
        let _ = connection.write_all(&answer);
    })))
}

fn ok(body: &[u8]) -> Result<ConfigDrive, ConfigDriveError> {
    fetched(&format!("200 OK\r\nContent-Length: {}", body.len()), body)
}

/// What blkid says of a file.
fn blkid(path: &Path) -> BTreeMap<String, String> {
    let output = Command::new("blkid").args(["-p", "-o", "export"]).arg(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Has a vfat image checked, without repairs.
fn fsck(path: &Path) {
    let output = Command::new("fsck.vfat").args(["-n", "-v"]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn device(size: u64) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("device");
    File::create(&path).unwrap().set_len(size).unwrap();
    (directory, path)
}

/// The files of an image, and its directories with a slash behind them.
fn files(image: &[u8]) -> BTreeMap<String, Vec<u8>> {
    fn walk(directory: &Dir<Cursor<Vec<u8>>>, path: &str, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in directory.iter().map(Result::unwrap) {
            let name = entry.file_name();
            if entry.is_dir() && name != "." && name != ".." {
                let path = format!("{path}{name}/");
                walk(&entry.to_dir(), &path, found);
                found.insert(path, Vec::new());
            } else if entry.is_file() {
                let mut content = Vec::new();
                entry.to_file().read_to_end(&mut content).unwrap();
                found.insert(format!("{path}{name}"), content);
            }
        }
    }
    let volume = FileSystem::new(Cursor::new(image.to_vec()), FsOptions::new()).unwrap();
    assert_eq!(volume.fat_type(), fatfs::FatType::Fat16);
    let mut found = BTreeMap::new();
    walk(&volume.root_dir(), "", &mut found);
    found
}

/// The files of a usual config drive, and unusual names; in the order of names or against it.
fn usual(top: &Path, backwards: bool) -> BTreeMap<String, Vec<u8>> {
    let long = format!("ec2/{}", "long name ".repeat(20) + "end");
    let mut wanted: Vec<(&str, Vec<u8>)> = vec![
        ("ec2/", vec![]),
        (long.as_str(), b"long".to_vec()),
        ("openstack/", vec![]),
        ("openstack/2018-08-27/", vec![]),
        ("openstack/2018-08-27/user_data", b"#cloud-config\n".to_vec()),
        ("openstack/content/", vec![]),
        ("openstack/content/0000", (0..100_000u32).flat_map(u32::to_le_bytes).collect()),
        ("openstack/content/0001", vec![]),
        ("openstack/content/Grüße.tar.gz", vec![1; 512]),
        ("openstack/content/.ssh", vec![2; 513]),
        // What short names look like.
        ("openstack/content/CFG~0000", vec![3]),
        ("openstack/content/cfg~0004", vec![4]),
        ("openstack/content/\u{1f600} 13 units", vec![5]),
        ("openstack/latest/", vec![]),
        ("openstack/latest/empty/", vec![]),
        ("openstack/latest/meta_data.json", b"{\"hostname\": \"n1\"}".to_vec()),
        ("openstack/latest/meta_data.json.bak", b"{}".to_vec()),
    ];
    if backwards {
        wanted.reverse();
    }
    for (path, content) in &wanted {
        let path = top.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.to_string_lossy().ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::write(path, content).unwrap();
        }
    }
    wanted.into_iter().map(|(path, content)| (path.to_owned(), content)).collect()
}
