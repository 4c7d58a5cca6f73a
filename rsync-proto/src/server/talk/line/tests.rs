//! Lines over bytes in memory, and over a pair of sockets.

use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;
use crate::wire::frame::{put_data_header, put_header};

fn frame(tag: Tag, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_header(&mut bytes, tag, payload.len());
    bytes.extend_from_slice(payload);
    bytes
}

fn pair(idle: Duration) -> (Line, UnixStream, Arc<AtomicBool>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    (Line::new(Stream::Socket(ours.into()), idle, Arc::clone(&stop)), theirs, stop)
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn messages_of_a_client_do_not_disturb_the_stream() {
    let input = [
        frame(Tag::Data, b"\x01\x02"),
        frame(Tag::Data, b""),
        frame(Tag::Noop, b""),
        frame(Tag::Info, b"hello\n"),
        frame(Tag::Data, b"\x03\x04\x05"),
    ]
    .concat();
    let mut line = Line::over(&input, &Arc::default());
    line.set_frames_in(true).unwrap();
    assert_eq!(line.read(|cursor| cursor.u32()).unwrap(), 0x0403_0201);
    assert_eq!(line.read(|cursor| cursor.u8()).unwrap(), 5);
    assert!(matches!(line.read(|cursor| cursor.u8()), Err(Failure::HungUp)));
}

#[test]
fn what_no_client_sends_ends_the_connection() {
    for (input, violation) in [
        (frame(Tag::NoSend, &[0; 4]), true),
        (vec![0, 0, 0, 6], true),
        (vec![0, 0, 0, 7 + 100], true),
        (frame(Tag::ErrorExit, &[1, 0, 0, 0]), false),
    ] {
        let mut line = Line::over(&input, &Arc::default());
        line.set_frames_in(true).unwrap();
        let failure = line.read(|cursor| cursor.u8()).unwrap_err();
        assert_eq!(matches!(failure, Failure::Violation(_)), violation, "{failure}");
    }
}

#[test]
fn frames_and_messages_go_out_in_their_order() {
    let output = Arc::new(Mutex::new(Vec::new()));
    let mut line = Line::over(&[], &output);
    line.out().extend_from_slice(b"greeting");
    line.begin_frames_out();
    line.out().extend_from_slice(b"abc");
    line.message(Tag::NoSend, &[9, 0, 0, 0]).unwrap();
    line.out().extend_from_slice(b"de");
    line.say(Tag::Error, b"a text\n");
    line.flush().unwrap();
    let expected = [
        b"greeting".to_vec(),
        frame(Tag::Data, b"abc"),
        frame(Tag::NoSend, &[9, 0, 0, 0]),
        frame(Tag::Data, b"de"),
        frame(Tag::Error, b"a text\n"),
    ]
    .concat();
    assert_eq!(*output.lock().unwrap(), expected);
    assert_eq!(line.counts(), (0, expected.len() as u64));
}

#[test]
fn what_is_longer_than_a_frame_goes_out_in_several() {
    let output = Arc::new(Mutex::new(Vec::new()));
    let mut line = Line::over(&[], &output);
    line.begin_frames_out();
    line.out().resize((1 << 24) + 10, 7);
    line.flush().unwrap();
    let output = output.lock().unwrap();
    let mut head = Vec::new();
    put_data_header(&mut head, 0xff_ffff);
    assert_eq!(output[..4], head);
    assert_eq!(output.len(), (1 << 24) + 10 + 8);
    assert_eq!(output[4 + 0xff_ffff..][..4], [11, 0, 0, 7]);
}

#[test]
fn long_texts_are_cut() {
    let output = Arc::new(Mutex::new(Vec::new()));
    let mut line = Line::over(&[], &output);
    line.begin_frames_out();
    line.say(Tag::Error, &[b'x'; 9000]);
    line.flush().unwrap();
    assert_eq!(output.lock().unwrap().len(), 4 + 4600 + 1);
}

#[test]
fn requests_are_read_while_the_client_takes_nothing() {
    let (mut line, theirs, _) = pair(5 * SECOND);
    line.begin_frames_out();
    line.set_frames_in(true).unwrap();
    let sent = 3 << 20;
    let client = thread::spawn(move || {
        use std::io::{Read, Write};
        // First all that is asked for, far more than a socket holds; then what comes of it.
        let (mut reading, mut writing) = (theirs.try_clone().unwrap(), theirs);
        writing.write_all(&frame(Tag::Data, &vec![1; 200_000])).unwrap();
        let mut got = Vec::new();
        reading.read_to_end(&mut got).unwrap();
        got.len()
    });
    line.out().resize(sent, 2);
    line.push().unwrap();
    let mut asked = Vec::new();
    line.read_bytes(200_000, &mut asked).unwrap();
    drop(line);
    assert_eq!(client.join().unwrap(), sent + 4);
}

#[test]
fn silence_ends_a_connection_and_signs_of_life_do_not_count() {
    let (mut line, theirs, _) = pair(SECOND / 2);
    line.set_pace(SECOND / 2, Some(SECOND / 10), 0);
    line.begin_frames_out();
    assert!(matches!(line.read(|cursor| cursor.u8()), Err(Failure::Silent(_))));
    drop(line);
    let mut got = Vec::new();
    std::io::Read::read_to_end(&mut &theirs, &mut got).unwrap();
    assert!(got.len() >= 8 && got.chunks(4).all(|frame| frame == [0, 0, 0, 7]), "{got:?}");
}

#[test]
fn a_breath_notices_who_hung_up_and_who_stops() {
    let (mut line, theirs, stop) = pair(SECOND);
    line.breathe().unwrap();
    thread::sleep(2 * BREATH);
    line.breathe().unwrap();
    stop.store(true, Ordering::Relaxed);
    thread::sleep(2 * BREATH);
    assert!(matches!(line.breathe(), Err(Failure::Stopped)));
    stop.store(false, Ordering::Relaxed);
    drop(theirs);
    thread::sleep(2 * BREATH);
    assert!(matches!(line.breathe(), Err(Failure::HungUp)));
}

#[test]
fn a_breath_sends_what_is_ready() {
    let (mut line, mut theirs, _) = pair(SECOND);
    line.begin_frames_out();
    line.out().extend_from_slice(b"list");
    thread::sleep(2 * BREATH);
    line.breathe().unwrap();
    let mut got = [0; 8];
    std::io::Read::read_exact(&mut theirs, &mut got).unwrap();
    assert_eq!(got, *b"\x04\0\0\x07list");
}

#[test]
fn a_bandwidth_is_kept() {
    let (mut line, mut theirs, _) = pair(5 * SECOND);
    line.set_pace(5 * SECOND, None, 100_000);
    let client = thread::spawn(move || std::io::copy(&mut theirs, &mut std::io::sink()).unwrap());
    let started = Instant::now();
    line.out().resize(60_000, 0);
    line.flush().unwrap();
    let took = started.elapsed();
    drop(line);
    assert_eq!(client.join().unwrap(), 60_000);
    assert!((SECOND * 3 / 10..SECOND * 3).contains(&took), "{took:?}");
}

#[test]
fn ends_are_looked_for_within_a_bound() {
    let mut line = Line::over(b"one\ntwo\nlonger", &Arc::default());
    assert_eq!(line.read_until(b'\n', 3, "a line").unwrap(), b"one");
    assert!(matches!(line.read_until(b'\n', 2, "a line"), Err(Failure::Limit { limit: 2, .. })));
}
