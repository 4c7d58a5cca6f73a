//! Carries bytes between a client and a server, as far as a test allows.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

/// Carries in both directions until one of them ends. `allowance` is told how many bytes from the server have passed, and
/// says how many more may, or nothing if that was the last; it may take its time.
pub(crate) fn carry(
    client: &TcpStream,
    server: &TcpStream,
    mut allowance: impl FnMut(usize) -> Option<usize>,
) {
    let again = |stream: &TcpStream| stream.try_clone().expect("a socket has two directions");
    let (mut from_client, mut to_server) = (again(client), again(server));
    let there = thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let (mut from, mut to) = (again(server), again(client));
    let (mut buffer, mut passed) = ([0; 16 * 1024], 0);
    while let Some(most) = allowance(passed) {
        let most = most.min(buffer.len());
        match from.read(&mut buffer[..most]) {
            Ok(count @ 1..) if to.write_all(&buffer[..count]).is_ok() => passed += count,
            _ => break,
        }
    }
    // Both ends, whatever they still have to say: this ends the other direction.
    let _ = to.shutdown(Shutdown::Write);
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
    let _ = there.join();
}
