//! How images are packed, and how they are fetched.

use super::*;

#[test]
fn images_are_taken_as_they_are_in_gzip_and_in_base64() {
    for (image, kind) in [(iso("config-2"), Kind::Iso9660), (fat(3 << 20, 512, "CONFIG-2"), Kind::Vfat)] {
        let packed = gzip(&image);
        let (first, second) = image.split_at(image.len() / 2);
        let members = [gzip(first), gzip(second)].concat();
        let text = base64(&packed);
        for bytes in [&image, &packed, &members, text.as_bytes()] {
            for drive in [in_file(bytes), ok(bytes)] {
                let drive = drive.unwrap();
                assert!(drive.image == image);
                assert_eq!((drive.kind(), drive.size()), (kind, image.len() as u64));
            }
        }
        for text in [text.clone(), text.replace('\n', "\r\n"), text.replace('\n', "")] {
            assert!(load(&ConfigSource::Encoded(text)).unwrap().image == image);
        }
    }
}

#[test]
fn the_description_holds_gzip_in_base64() {
    let wrong = load(&ConfigSource::Encoded("no base64!".to_owned()));
    assert!(matches!(wrong, Err(ConfigDriveError::Base64 { .. })), "{wrong:?}");
    let wrong = load(&ConfigSource::Encoded(base64(b"#cloud-config")));
    let Err(ConfigDriveError::NotPacked { found, .. }) = wrong else { panic!("{wrong:?}") };
    assert_eq!(found, "text that begins with \"#cloud-config\"");
    let mut packed = gzip(&iso("config-2"));
    packed.truncate(packed.len() - 9);
    let wrong = load(&ConfigSource::Encoded(base64(&packed)));
    assert!(matches!(wrong, Err(ConfigDriveError::Gzip { .. })), "{wrong:?}");
}

#[test]
fn unpacking_ends_at_the_limit() {
    // 200 MiB, in members that are made once.
    let members = gzip(&vec![0; 10 << 20]).repeat(20);
    let bomb = load(&ConfigSource::Encoded(base64(&members)));
    let Err(ConfigDriveError::TooLarge { stage, .. }) = bomb else { panic!("{bomb:?}") };
    assert_eq!(stage, "when unpacked");
    // Damage behind the limit is not reached.
    let damaged = [members.as_slice(), b"\x1f\x8b damaged"].concat();
    let bomb = in_file(&damaged);
    assert!(matches!(bomb, Err(ConfigDriveError::TooLarge { .. })), "{bomb:?}");
    // Exactly the limit is not too much.
    let mut image = iso("config-2");
    image.resize(LIMIT as usize, 0);
    assert_eq!(load(&encoded(&image)).unwrap().size(), LIMIT);
    image.push(0);
    let large = in_file(&image);
    assert!(matches!(large, Err(ConfigDriveError::TooLarge { stage: "as it came", .. })), "{large:?}");
}

#[test]
fn pages_instead_of_images_are_named() {
    let page = ok(b"<html><body>Please log in</body></html>");
    let message = page.unwrap_err().to_string();
    assert!(message.contains("from http://127.0.0.1") && message.contains("an HTML page"), "{message}");
    let missing = fetched("404 Not Found\r\nContent-Length: 4", b"gone");
    let Err(ConfigDriveError::Fetch { source, .. }) = missing else { panic!("{missing:?}") };
    assert!(matches!(source, WebError::Status(404)), "{source:?}");
}

#[test]
fn bodies_end_at_the_limit() {
    // Said before, and nothing of it sent.
    let announced = fetched(&format!("200 OK\r\nContent-Length: {}", LIMIT + 1), b"");
    assert!(matches!(announced, Err(ConfigDriveError::TooLarge { .. })), "{announced:?}");
    // Not said before, and twice as much.
    let long = load(&ConfigSource::Url(serve(|mut connection| {
        connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        // Until the other end has enough.
        (0..2 * LIMIT / 65536).all(|_| connection.write_all(&[b'x'; 65536]).is_ok());
    })));
    assert!(matches!(long, Err(ConfigDriveError::TooLarge { .. })), "{long:?}");
}

#[test]
fn bodies_that_end_early_are_refused() {
    let image = iso("config-2");
    for (head, body) in [
        (format!("200 OK\r\nContent-Length: {}", image.len() + 1), image.clone()),
        ("200 OK\r\nTransfer-Encoding: chunked".to_owned(), [b"9000\r\n", image.as_slice()].concat()),
    ] {
        let cut = fetched(&head, &body);
        assert!(matches!(cut, Err(ConfigDriveError::Fetch { .. })), "{head}: {cut:?}");
    }
}

#[test]
fn servers_have_limited_time() {
    let url = serve(|mut connection| {
        // Says nothing until the other end gives up.
        let _ = connection.read(&mut [0]);
    });
    let whole = Some(Duration::from_millis(100));
    let clocks = Clocks { connect: Duration::from_secs(10), silence: None, whole };
    let silent = load::load(&ConfigSource::Url(url), &Web::default(), &clocks);
    let Err(ConfigDriveError::Fetch { source: WebError::Network(source), .. }) = silent else {
        panic!("{silent:?}")
    };
    assert!(matches!(*source, ureq::Error::Timeout(_)), "{source:?}");
    // Nobody listens where a listener has just gone.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let refused = load(&ConfigSource::Url(url));
    assert!(matches!(refused, Err(ConfigDriveError::Fetch { .. })), "{refused:?}");
}

#[test]
fn redirections_are_followed() {
    let target = serve(|mut connection| {
        let image = iso("config-2");
        write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", image.len()).unwrap();
        connection.write_all(&image).unwrap();
    });
    let moved = |target: &str| format!("302 Found\r\nLocation: {target}\r\nContent-Length: 0");
    assert!(fetched(&moved(&target), b"").is_ok());
    // To a server that ends the conversation at once.
    let secure = serve(drop).replace("http:", "https:");
    let secure = fetched(&moved(&secure), b"");
    assert!(matches!(secure, Err(ConfigDriveError::Fetch { .. })), "{secure:?}");
}

#[test]
fn urls_of_other_schemes_are_refused() {
    let secret = load(&ConfigSource::Url("https://user:pass@host/config?sig=key".to_owned()));
    let secret = secret.unwrap_err().to_string();
    assert!(secret.contains("https://host/config") && !secret.contains("pass@"), "{secret}");
    for url in ["ftp://host/config", "host/config", "", "http://", "http:///x", "http://a b/"] {
        let refused = load(&ConfigSource::Url(url.to_owned()));
        assert!(matches!(refused, Err(ConfigDriveError::Url { .. })), "{url:?}: {refused:?}");
    }
}

#[test]
fn urls_are_shown_without_secrets() {
    for (url, wanted) in [
        ("http://host/a@b?temp_url_sig=1#x", "http://host/a@b"),
        ("http://user:p@ss@host:80", "http://host:80"),
        ("http://host?x@y", "http://host"),
        ("user:pass@host/config", "host/config"),
        ("http://host/\u{1b}[0m", "http://host/\\u{1b}[0m"),
    ] {
        assert_eq!(shown(url), wanted);
    }
    let drive = load(&encoded(&iso("config-2"))).unwrap();
    assert_eq!(format!("{drive:?}"), "ConfigDrive { kind: Iso9660, size: 36864 }");
}
