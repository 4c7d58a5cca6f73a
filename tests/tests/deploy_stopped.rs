//! Deployments that are asked to stop, in every step of every phase and before the first: they end in order, say so to
//! people and programs, leave nothing half-done in the tree, and the same command again brings everything into place.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use end_to_end::bare::BareDisk;
use end_to_end::deploy::{exit, with};
use end_to_end::interrupt::{KEPT, Machine, When, assert_nothing_foreign, kinds, says_complete};
use end_to_end::server::Server;
use rustix::process::Signal;

const WITHOUT: &[&str] = &["--no-boot-loader"];

#[test]
fn stopped_in_any_step_it_says_so_and_begins_anew() {
    let machine = Machine::new();
    let clean = machine.describe("clean", &machine.system.url());
    let steps = kinds(&machine.desk.provision(&clean, WITHOUT).expect(exit::DONE));
    let mut stopped = Vec::new();
    for number in 1..=steps.len() {
        machine.plant_boot_code();
        let signal = if number % 2 == 0 { Signal::TERM } else { Signal::INT };
        let cut = machine.cut(&clean, WITHOUT, signal, &When::Step(number));
        let begun = kinds(&cut.ended).len();
        assert!(begun >= number, "it was expected to come to step {number} of {steps:?}");
        if cut.ended.outcome.signal().is_none() && cut.ended.outcome.code() == exit::DONE {
            assert_eq!(begun, steps.len(), "only the last step is carried out to its end");
            machine.assert_complete();
            continue;
        }
        // Two disks are taken over, then their boot code is.
        if begun > 4 {
            machine.assert_incomplete(&cut);
        }
        let ended = cut.ended.expect(exit::STOPPED);
        ended.says(&["stopped by a signal"]);
        assert_eq!(ended.receipt()["policy"], "clean");
        stopped.push(begun);
    }
    assert!(stopped.len() + 2 >= steps.len(), "it was stopped in {stopped:?} of {steps:?}");
    let _ = machine.desk.provision(&clean, WITHOUT).expect(exit::DONE);
    machine.assert_complete();
}

#[test]
fn stopped_while_it_pulls_it_leaves_only_whole_files() {
    let machine = Machine::new();
    let server = machine.slow_server();
    for (policy, signal, directory) in [
        ("clean", Signal::TERM, "etc/conf.d"),
        ("verify", Signal::INT, "home/user/files"),
        ("verify", Signal::TERM, "usr/bin"),
    ] {
        let description = machine.describe(policy, &server.url("tree/"));
        let cut = machine.cut(&description, WITHOUT, signal, &When::Pulled(directory, 1));
        assert_eq!(cut.within(), Some("pull"));
        machine.assert_incomplete(&cut);
        let _ = cut.ended.expect(exit::STOPPED);
        let tree = machine.tree();
        assert_eq!(says_complete(&tree), Some(false));
        assert_nothing_foreign(&machine.system.source(), &tree, &KEPT);
    }
    let verify = machine.describe("verify", &server.url("tree/"));
    let _ = machine.desk.provision(&verify, WITHOUT).expect(exit::DONE);
    machine.assert_complete();
}

#[test]
fn stopped_while_a_server_is_silent_it_has_touched_nothing() {
    let machine = Machine::new();
    let clean = |url: &str| machine.describe("clean", url);
    let before = machine.disks().map(BareDisk::sum);
    for signal in [Signal::TERM, Signal::INT] {
        let (address, asked) = silent();
        let image = clean(&format!("rsync://{address}/tree/"));
        let drive = with(clean(&machine.system.url()), "configdrive", format!("http://{address}/drive"));
        for description in [image, drive] {
            asked.store(false, Ordering::SeqCst);
            let cut = machine.cut(&description, WITHOUT, signal, &When::Seen(&asked));
            let ended = cut.ended.expect(exit::STOPPED);
            let laid_out =
                ended.receipt()["disks"].as_array().unwrap().iter().any(|disk| disk["laid_out"] != false);
            assert!(ended.steps().is_empty() && !laid_out, "{}", ended.receipt());
            assert_eq!(machine.disks().map(BareDisk::sum), before);
        }
    }
}

/// A server that takes connections and never says anything; it tells when one has come.
fn silent() -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address").to_string();
    let asked = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&asked);
    // It ends with the test.
    thread::spawn(move || {
        let mut held = Vec::new();
        for connection in listener.incoming() {
            held.extend(connection);
            told.store(true, Ordering::SeqCst);
        }
    });
    (address, asked)
}
