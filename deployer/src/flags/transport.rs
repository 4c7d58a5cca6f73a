//! How content travels: compression and the bound on its speed. They take effect in the order in which they were
//! typed, so that `-z --no-z` and `--no-z -z` differ.

use clap::{Arg, ArgAction, ArgMatches, Command as Parser};
use rsync_proto::Options;
use rsync_proto::compression::CompressionKind;
use rsync_proto::options::CompressionChoice;

use super::sizes;
use crate::exit::{Exit, Failure};

/// Adds the options.
pub(super) fn arguments(parser: Parser) -> Parser {
    let flag = |long: &'static str| {
        Arg::new(long).long(long).num_args(0).default_missing_value("").action(ArgAction::Append)
    };
    let text = |long: &'static str, name: &'static str, help: &'static str| {
        Arg::new(long).long(long).value_name(name).help(help).action(ArgAction::Append)
    };
    parser
        .arg(flag("compress").short('z').help("Let the server compress; twice for zlibx"))
        .arg(flag("no-compress").alias("no-z").hide(true))
        .arg(flag("new-compress").help("Let the server compress with zlibx"))
        .arg(flag("old-compress").help("Let the server compress with zlib"))
        .arg(
            text(
                "compress-choice",
                "NAME",
                "Let the server compress with zstd, lz4, zlibx, zlib, none or auto",
            )
            .visible_alias("zc"),
        )
        .arg(
            text("compress-level", "NUMBER", "How hard the server tries to compress")
                .visible_alias("zl")
                .allow_negative_numbers(true),
        )
        .arg(text("skip-compress", "LIST", "Ask the server not to compress names that end so: gz/jpg/mp[34]"))
        .arg(text("bwlimit", "RATE", "Ask the server to send at most RATE KiB a second; units as in 1.5m"))
        .arg(flag("no-bwlimit").hide(true))
}

/// What was typed of them, in that order.
pub(super) fn apply(matches: &ArgMatches, options: &mut Options) -> Result<(), Failure> {
    let ids = [
        "compress",
        "no-compress",
        "new-compress",
        "old-compress",
        "compress-choice",
        "compress-level",
        "skip-compress",
        "bwlimit",
        "no-bwlimit",
    ];
    let mut typed = Vec::new();
    for id in ids {
        let places = matches.indices_of(id).into_iter().flatten();
        let values = matches.get_many::<String>(id).into_iter().flatten();
        typed.extend(places.zip(values).map(|(at, value)| (at, id, value)));
    }
    typed.sort_by_key(|(at, ..)| *at);
    let transport = &mut options.transport;
    for (_, id, value) in typed {
        match id {
            "compress" => transport.compress = transport.compress.saturating_add(1),
            "no-compress" => (transport.compress, transport.compress_choice) = (0, None),
            "new-compress" => {
                transport.compress_choice = Some(CompressionChoice::Kind(CompressionKind::Zlibx));
            }
            "old-compress" => {
                transport.compress_choice = Some(CompressionChoice::Kind(CompressionKind::Zlib));
            }
            "compress-choice" => transport.compress_choice = Some(choice(value)?),
            "compress-level" => {
                let level = value.parse().map_err(|_| {
                    Failure::usage(format!("--compress-level takes a whole number, not {value:?}"))
                })?;
                transport.compress_level = Some(level);
            }
            "skip-compress" => transport.skip_compress = Some(value.clone()),
            "bwlimit" => transport.bwlimit = rate(value)?,
            _ => transport.bwlimit = 0,
        }
    }
    Ok(())
}

fn choice(name: &str) -> Result<CompressionChoice, Failure> {
    match CompressionKind::from_name(name.as_bytes()) {
        Some(kind) => Ok(CompressionChoice::Kind(kind)),
        None if name.eq_ignore_ascii_case("auto") => Ok(CompressionChoice::Auto),
        None if name.eq_ignore_ascii_case("none") => Ok(CompressionChoice::None),
        None => {
            let known = CompressionKind::ALL.map(CompressionKind::name).join(", ");
            let message =
                format!("--compress-choice knows no \"{name}\"; choose one of {known}, none or auto");
            Err(Failure { message, exit: Exit::Unsupported })
        }
    }
}

/// KiB a second, rounded. Without a unit it is KiB.
fn rate(text: &str) -> Result<u32, Failure> {
    let wrong = |why: &str| Failure::usage(format!("--bwlimit={text} {why}"));
    match sizes::parse(text, 'k') {
        None => Err(wrong("is no rate: give a number with one of the units b, k, m, g, t, such as 1.5m")),
        Some(0) => Ok(0),
        Some(bytes @ 1..512) => {
            Err(wrong(&format!("is too small: it is {bytes} bytes, and 512 is the least; or 0 for no bound")))
        }
        Some(bytes) => u32::try_from(bytes.saturating_add(512) / 1024)
            .ok()
            .filter(|rate| i32::try_from(*rate).is_ok())
            .ok_or_else(|| wrong("is more than a server takes: leave it out for no bound")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_line;
    use super::*;

    #[test]
    fn rates_are_whole_units_of_1024() {
        for (text, rate) in [
            ("0", 0),
            ("512b", 1),
            ("1535B", 1),
            ("1536b", 2),
            ("1600", 1600),
            ("1.5m", 1536),
            ("1mb", 977),
            ("1m+1", 1024),
        ] {
            assert_eq!(super::rate(text).ok(), Some(rate), "{text}");
        }
        for text in ["x", "100b", "-5", "9p"] {
            assert!(super::rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_order_counts() {
        let transport = |text: &str| parse_line(&format!("-a {text}")).expect(text).options.transport;
        let kind = |kind| Some(CompressionChoice::Kind(kind));
        assert_eq!(transport("-z").compress, 1);
        assert_eq!(transport("-zz").compress, 2);
        assert_eq!(transport("-z --no-z").compress, 0);
        assert_eq!(transport("--no-compress --compress").compress, 1);
        assert_eq!(transport("--zc=zstd --no-z").compress_choice, None);
        assert_eq!(transport("--no-z --zc ZSTD").compress_choice, kind(CompressionKind::Zstd));
        assert_eq!(transport("--zc=lz4 --old-compress").compress_choice, kind(CompressionKind::Zlib));
        assert_eq!(transport("--old-compress --zc=auto").compress_choice, Some(CompressionChoice::Auto));
        assert_eq!(transport("--zl=-3 --zl 7").compress_level, Some(7));
        assert_eq!(transport("--compress-level -3").compress_level, Some(-3));
        assert_eq!(transport("--bwlimit=5m --no-bwlimit").bwlimit, 0);
        assert_eq!(transport("--skip-compress=gz").skip_compress.as_deref(), Some("gz"));
        let refused = |text: &str, part: &str| {
            let message = parse_line(&format!("-a {text}")).unwrap_err();
            assert!(message.contains(part), "{message}");
        };
        refused("--zc=gzip", "knows no \"gzip\"");
        refused("--zl=high", "whole number");
        refused("--bwlimit=fast", "no rate");
    }
}
