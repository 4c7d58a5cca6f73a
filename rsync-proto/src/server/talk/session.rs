//! One client, from its first line to the end.

use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::failure::Failure;
use super::super::list::Tree;
use super::super::request::{Names, Request};
use super::super::send::{self, Sent};
use super::super::terms::Terms;
use super::greeting::{self, Entry, Opened};
use super::line::{Line, MOST_TEXT};
use super::service::Inner;
use super::told::{Figures, Peer, Subject, Told};
use super::{negotiate, rules};
use crate::error::printable;
use crate::filter::Scope;
use crate::wire::frame::Tag;

/// So many messages of one client are told; a client can make any number of them.
const MOST_TOLD: usize = 100;
/// How long a client may take for its list of names, as long as it is not silent.
const LONGEST_NAMES: Duration = Duration::from_secs(3600);
/// So many paths of one client are told.
const MOST_SHOWN: usize = 8;

/// What a client is about to get.
struct Transfer {
    tree: Arc<Tree>,
    terms: Terms,
    scope: Scope,
    names: Option<Vec<Vec<u8>>>,
    subject: Subject,
}

/// Serves a client to its end.
pub(super) fn run(service: &Arc<Inner>, socket: OwnedFd, peer: &Peer, full: bool) {
    service.tell(&Told::Connected(peer));
    let limits = &service.limits;
    let stream = match service.stream(socket) {
        Ok(stream) => stream,
        Err(error) => return service.tell(&Told::Refused { peer, reason: &error.to_string() }),
    };
    let mut line = Line::new(stream, limits.handshake, Arc::clone(&service.end));
    line.set_deadline(Some(Instant::now() + limits.handshake));
    line.set_hears(hears(service, peer));
    match begin(service, &mut line, full) {
        Ok(Some(transfer)) => carry_out(service, &mut line, peer, transfer),
        Ok(None) => {
            service.tell(&Told::Listed(peer));
            line.linger();
        }
        Err(failure) => {
            service.tell(&Told::Refused { peer, reason: &failure.to_string() });
            if !is_gone(&failure) {
                line.linger();
            }
        }
    }
}

fn hears(service: &Arc<Inner>, peer: &Peer) -> super::line::Hears {
    let (service, peer) = (Arc::clone(service), peer.clone());
    let mut left = MOST_TOLD;
    Box::new(move |tag, text| {
        if tag == Tag::Info || left == 0 {
            return;
        }
        left -= 1;
        service.tell(&Told::Said { peer: &peer, text });
        if left == 0 {
            service.tell(&Told::Said { peer: &peer, text: "further messages to this client are not told" });
        }
    })
}

/// All that comes before the list; nothing if the client wanted to know the modules only.
fn begin(service: &Inner, line: &mut Line, full: bool) -> Result<Option<Transfer>, Failure> {
    // Until both sides send frames, what goes wrong is told in a line.
    let early = |line: &mut Line, failure: Failure| {
        if !is_gone(&failure) && !matches!(failure, Failure::Refused(_)) {
            greeting::turn_away(line, &failure.to_string());
        }
        failure
    };
    let entry = match greeting::open(line, service, full) {
        Ok(Opened::Module(entry)) => entry,
        Ok(Opened::Listed) => return Ok(None),
        Err(failure) => return Err(early(line, failure)),
    };
    let Entry { module, user, protocol } = entry;
    let tree = match Tree::open(&module.path) {
        Ok(tree) => Arc::new(tree.named(&module.name)),
        Err(source) => {
            // Where it lies is nothing for clients to know.
            greeting::turn_away(
                line,
                &format!("chdir failed: the directory of {} is not there", module.name),
            );
            return Err(Failure::Local { action: format!("open {}", module.path.display()), source });
        }
    };
    line.out().extend_from_slice(b"@RSYNCD: OK\n");
    let wish = greeting::arguments(line, &module.name).map_err(|failure| early(line, failure))?;
    let mut terms = negotiate::terms(line, &wish, protocol).map_err(|failure| match failure {
        Failure::Refused(why) => greeting::turn_away(line, &why),
        failure => early(line, failure),
    })?;

    let limits = &service.limits;
    let asked = &terms.request;
    let subject =
        Subject { module: module.name.clone(), user: user.map(str::to_owned), paths: shown(asked), protocol };
    set_pace(line, asked, limits.idle, protocol);
    let rest = match wish.refused {
        Some(why) => Err(Failure::Refused(why)),
        None => what_to_send(line, &mut terms, service),
    };
    let (scope, names) = rest.inspect_err(|failure| farewell(line, protocol, failure))?;
    line.set_deadline(None);
    Ok(Some(Transfer { tree, terms, scope, names, subject }))
}

type Rest = (Scope, Option<Vec<Vec<u8>>>);

fn what_to_send(line: &mut Line, terms: &mut Terms, service: &Inner) -> Result<Rest, Failure> {
    let filters = rules::read(line, terms.request.cvs_exclude, &service.limits)?;
    terms.xattr_rules = filters.xattr_rules();
    let names = match terms.request.names {
        Names::FromClient => {
            // They may be many, and from a slow program.
            line.set_deadline(Some(Instant::now() + LONGEST_NAMES));
            Some(rules::names(line, terms.protocol, &service.limits)?)
        }
        Names::None | Names::File(_) => None,
    };
    Ok((filters.sender(b""), names))
}

/// The clocks of a transfer. The client says how long it waits; it is told how long it is waited for.
fn set_pace(line: &mut Line, request: &Request, idle: Duration, protocol: u8) {
    let idle = match request.timeout {
        0 => idle,
        seconds => idle.min(Duration::from_secs(seconds.into())),
    };
    line.set_pace(idle, Some(idle / 3), request.bandwidth);
    let seconds = u32::try_from(idle.as_secs()).unwrap_or(u32::MAX);
    if protocol >= 31 && seconds > 0 {
        // Nothing is sent here: it goes out with what follows.
        line.tell_timeout(seconds);
    }
}

fn carry_out(service: &Inner, line: &mut Line, peer: &Peer, transfer: Transfer) {
    let Transfer { tree, terms, scope, names, subject } = transfer;
    service.tell(&Told::Began(peer, &subject));
    let started = Instant::now();
    let bounds = service.limits.of_list();
    let work = || send::serve(line, &tree, &terms, scope, names, &bounds);
    let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Failure::Local { action: "go on".to_owned(), source: io::Error::other("an internal error") })
    });
    let (received, sent) = line.counts();
    let (figures, failure) = match outcome {
        Ok(done) => (figures(&done, sent, received), None),
        Err(failure) => (Figures { sent, received, ..Figures::default() }, Some(failure)),
    };
    let (took, failure) = (started.elapsed(), failure.as_ref());
    service.tell(&Told::Ended { peer, subject: &subject, figures: &figures, took, failure });
    // Also after all went well: TLS has a last word of its own.
    if failure.is_none_or(|failure| !is_gone(failure)) {
        line.linger();
    }
}

fn figures(done: &Sent, sent: u64, received: u64) -> Figures {
    Figures {
        entries: done.entries,
        files: done.files,
        literal: done.literal,
        matched: done.matched,
        sent,
        received,
        io_error: done.io_error,
    }
}

/// Tells a client in frames why there is no transfer, and with which code it ends.
fn farewell(line: &mut Line, protocol: u8, failure: &Failure) {
    if is_gone(failure) {
        return;
    }
    let code: u32 = match failure {
        Failure::Sources(_) => 3,
        Failure::Refused(_) => 4,
        Failure::Limit { .. } => 22,
        Failure::Silent(_) => 30,
        Failure::Stopped => 20,
        Failure::Local { .. } => 11,
        _ => 2,
    };
    // Not said, but sent: whoever listens hears of it as the reason of the end.
    let _ = line.message(Tag::Error, &text(failure));
    if protocol >= 31 {
        let _ = line.message(Tag::ErrorExit, &code.to_le_bytes());
    }
    let _ = line.flush();
}

fn text(failure: &Failure) -> Vec<u8> {
    let mut text = format!("rsync: [server] {failure}").into_bytes();
    text.truncate(MOST_TEXT);
    text.push(b'\n');
    text
}

fn is_gone(failure: &Failure) -> bool {
    matches!(failure, Failure::HungUp | Failure::Network(_))
}

fn shown(request: &Request) -> Vec<String> {
    let mut shown: Vec<String> = request.paths.iter().take(MOST_SHOWN).map(|path| printable(path)).collect();
    if request.paths.len() > MOST_SHOWN {
        shown.push(format!("and {} more", request.paths.len() - MOST_SHOWN));
    }
    shown
}
