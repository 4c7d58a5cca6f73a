//! The commands of a deployment.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command as Parser, value_parser};

use crate::data::{self, DataDriver};
use crate::deploy::{self, DeployDriver, DeployOptions};
use crate::exit::DEPLOY_TABLE;
use crate::http::Web;
use crate::plan::PlanOptions;
use crate::plan::step::Phase;

/// What is done with a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Carry out phases.
    Execute,
    /// Show what would be done.
    Plan,
    /// Check the description alone.
    Validate,
    /// Only restart the machine.
    Reboot,
}

/// A deployment, as it was typed.
pub(crate) struct Deploy {
    pub(crate) action: Action,
    pub(crate) data_driver: &'static dyn DataDriver,
    pub(crate) deploy_driver: &'static dyn DeployDriver,
    pub(crate) input: Input,
    pub(crate) options: DeployOptions,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) events: Option<String>,
    pub(crate) receipt: Option<PathBuf>,
    /// Show what would be done, and do nothing.
    pub(crate) dry_run: bool,
    /// Restart the machine when all is well.
    pub(crate) reboot: bool,
}

/// Where the description is.
pub(crate) enum Input {
    /// In a file; `-` is standard input.
    File(PathBuf),
    /// In the default place, because none is named.
    Default(PathBuf),
    /// On the command line.
    Text(String),
}

/// Where the old agent looked for the description.
const DEFAULT_INPUT: &str = "/tmp/provision.json";
/// Where it left the list of boot entries.
const DEFAULT_ENTRIES: &str = "/tmp/boot_entries.json";

const ALL: &[Phase] = &[Phase::Partitioning, Phase::ConfigDrive, Phase::CopyImage, Phase::BootLoader];

/// The commands that carry out phases: name, phases, what it does.
const PHASES: [(&str, &[Phase], &str); 5] = [
    ("provision", ALL, "Deploy: lay out the disks, copy the images, install the boot loader"),
    ("partition", &[Phase::Partitioning], "Only lay out the disks, or verify them"),
    ("configdrive", &[Phase::ConfigDrive], "Only write the config drive, onto disks that are laid out"),
    ("copyimage", &[Phase::CopyImage], "Only copy the images, onto disks that are laid out"),
    ("bootloader", &[Phase::BootLoader], "Only install the boot loader, onto disks with their images"),
];

/// The commands.
pub(super) fn parsers() -> Vec<Parser> {
    let mut parsers = Vec::new();
    for (name, phases, about) in PHASES {
        parsers.push(executing(name, described(Parser::new(name).about(about)), phases));
    }
    let plan = described(Parser::new("plan").about("Show what `provision` would do, and touch nothing"));
    // It is one anyway.
    let plan = plan.arg(flag("dry-run", "Touch nothing").short('n').hide(true));
    parsers.push(planning("plan", plan, ALL).arg(flag("json", "Print for programs, as JSON")));
    let validate = Parser::new("validate").about("Check a description, without a look at any machine");
    let validate = validate.after_help(help("deployer validate --input-data-file provision.json"));
    parsers.push(described(validate).arg(flag("json", "Print for programs, as JSON")));
    let schema = Parser::new("schema").about("Print the JSON Schema of descriptions");
    parsers.push(schema.arg(data_driver()).after_help(help("deployer schema >provision.schema.json")));
    let reboot = described(Parser::new("reboot").about("Restart the machine"))
        .arg(flag("dry-run", "Do not restart it").short('n'))
        .after_help(help("deployer reboot"));
    parsers.push(reboot);
    parsers
}

fn help(example: &str) -> String {
    format!("Example:\n  {example}\n\n{DEPLOY_TABLE}")
}

/// A choice among drivers, each with its name and what it does. Older callers write underscores.
fn driver(
    long: &'static str,
    old: &'static str,
    default: &'static str,
    what: &str,
    drivers: &[(&'static str, &'static str)],
) -> Arg {
    let about: Vec<String> = drivers.iter().map(|(name, about)| format!("{name}: {about}")).collect();
    Arg::new(long)
        .long(long)
        .alias(old)
        .value_name("NAME")
        .default_value(default)
        .value_parser(PossibleValuesParser::new(drivers.iter().map(|(name, _)| *name)))
        .hide_possible_values(true)
        .help(format!("{what} ({})", about.join("; ")))
}

fn data_driver() -> Arg {
    let drivers: Vec<_> = data::DRIVERS.iter().map(|driver| (driver.name(), driver.about())).collect();
    driver("data-driver", "data_driver", "ironic", "What the description is", &drivers)
}

fn deploy_driver() -> Arg {
    let drivers: Vec<_> = deploy::DRIVERS.iter().map(|driver| (driver.name(), driver.about())).collect();
    driver("deploy-driver", "deploy_driver", "rsync", "How images are copied", &drivers)
}

fn described(parser: Parser) -> Parser {
    parser
        .args_override_self(true)
        .arg(data_driver())
        .arg(deploy_driver())
        .arg(
            Arg::new("input-data-file")
                .long("input-data-file")
                .alias("input_data_file")
                .value_name("FILE")
                .help(format!("The description, or - for standard input [default: {DEFAULT_INPUT}]"))
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            Arg::new("input-data")
                .long("input-data")
                .alias("input_data")
                .value_name("JSON")
                .help("The description itself; other users see it in the list of processes")
                .conflicts_with("input-data-file"),
        )
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).help(help).action(ArgAction::SetTrue)
}

/// Options that say what is planned.
fn planning(name: &str, parser: Parser, phases: &[Phase]) -> Parser {
    let force =
        "Go on although disks are in use: unmount them, stop swapping, stop arrays, deactivate groups";
    let mut parser = parser.arg(flag("force", force));
    if phases != [Phase::ConfigDrive] && phases != [Phase::BootLoader] {
        let about = match phases.contains(&Phase::BootLoader) {
            true => "Do not install a boot loader",
            false => "No boot loader is to follow: the systems are complete without",
        };
        parser = parser.arg(flag("no-boot-loader", about));
    }
    if phases != [Phase::Partitioning] && phases != [Phase::BootLoader] {
        parser = parser.arg(ca_file());
    }
    if phases.contains(&Phase::CopyImage) {
        parser = parser.args(asking());
    }
    parser.after_help(help(&format!("deployer {name} --input-data-file provision.json")))
}

/// The option that says which web servers are trusted.
fn ca_file() -> Arg {
    Arg::new("ca-file")
        .long("ca-file")
        .value_name("FILE")
        .help(
            "Certificates of the authorities by which web servers are known, in PEM [default: the system's]",
        )
        .value_parser(value_parser!(PathBuf))
}

/// Options that say how web servers are asked for images.
fn asking() -> [Arg; 2] {
    let usual = Web::default();
    let number = |name: &'static str, value: &'static str, help: String| {
        Arg::new(name).long(name).value_name(value).help(help).value_parser(value_parser!(u32).range(1..))
    };
    [
        number(
            "http-timeout",
            "SECONDS",
            format!("With the swift driver: give a server up that says nothing for so long [default: {}]", usual.silence.as_secs()),
        ),
        number(
            "http-retries",
            "NUM",
            format!(
                "With the swift driver: ask again so often in a row when nothing comes, with growing pauses [default: {}]",
                usual.retries
            ),
        )
        .value_parser(value_parser!(u32)),
    ]
}

/// Options of the commands that carry out phases.
fn executing(name: &str, parser: Parser, phases: &[Phase]) -> Parser {
    let mut parser = planning(name, parser, phases)
        .arg(flag("dry-run", "Show what would be done, and touch nothing").short('n'))
        .arg(flag("json", "With --dry-run: print for programs, as JSON").requires("dry-run"))
        .arg(flag("quiet", "Say nothing but warnings and errors").short('q'))
        .arg(flag("reboot", "Restart the machine when everything is in place").conflicts_with("dry-run"))
        .arg(
            Arg::new("events")
                .long("events")
                .value_name("FILE|fd:N")
                .help("Write what happens as JSON lines, for programs"),
        )
        .arg(
            Arg::new("receipt")
                .long("receipt")
                .value_name("FILE")
                .conflicts_with("dry-run")
                .help("Write what was laid out and pulled, as JSON, on success and on failure")
                .value_parser(value_parser!(PathBuf)),
        );
    if phases.contains(&Phase::BootLoader) {
        let about = "On UEFI: add a boot entry to the firmware's variables, besides the place where it looks by itself";
        parser = parser.arg(flag("efi-variables", about)).arg(
            Arg::new("boot-entries")
                .long("boot-entries")
                .value_name("FILE")
                .help(format!(
                    "With several systems: where the list of boot entries goes [default: {DEFAULT_ENTRIES}]"
                ))
                .value_parser(value_parser!(PathBuf)),
        );
    }
    parser
}

/// The deployment that was typed.
pub(super) fn read(command: &str, matches: &ArgMatches) -> Deploy {
    let (action, phases) = match command {
        "plan" => (Action::Plan, ALL),
        "validate" => (Action::Validate, ALL),
        "reboot" => (Action::Reboot, &[][..]),
        _ => {
            let found = PHASES.iter().find(|(name, ..)| *name == command);
            (Action::Execute, found.expect("every other command is one of these").1)
        }
    };
    let input = match (matches.get_one::<String>("input-data"), matches.get_one::<PathBuf>("input-data-file"))
    {
        (Some(text), _) => Input::Text(text.clone()),
        (None, Some(path)) => Input::File(path.clone()),
        (None, None) => Input::Default(PathBuf::from(DEFAULT_INPUT)),
    };
    // Not every command has every option.
    let has = |name: &str| matches.try_get_one::<bool>(name).ok().flatten().copied().unwrap_or(false);
    let path = |name: &str| matches.try_get_one::<PathBuf>(name).ok().flatten().cloned();
    let dry_run = has("dry-run");
    let action = if dry_run && action == Action::Execute { Action::Plan } else { action };
    // What only writes the config drive changes no system.
    let loads = phases != [Phase::ConfigDrive];
    let deploy_driver = chosen_deploy_driver(matches);
    let boot_loader = loads && !has("no-boot-loader");
    let images = deploy_driver.images();
    let plan = PlanOptions { force: has("force"), boot_loader, images, phases };
    let options = DeployOptions {
        plan,
        efi_variables: has("efi-variables"),
        web: web(matches),
        boot_entries: path("boot-entries").unwrap_or_else(|| DEFAULT_ENTRIES.into()),
    };
    Deploy {
        action,
        data_driver: chosen_data_driver(matches),
        deploy_driver,
        input,
        options,
        json: has("json"),
        quiet: has("quiet"),
        events: matches.try_get_one::<String>("events").ok().flatten().cloned(),
        receipt: path("receipt"),
        dry_run,
        reboot: !dry_run && (has("reboot") || action == Action::Reboot),
    }
}

/// How web servers are asked, as it was typed.
fn web(matches: &ArgMatches) -> Web {
    let number = |name: &str| matches.try_get_one::<u32>(name).ok().flatten().copied();
    let usual = Web::default();
    Web {
        ca_file: matches.try_get_one::<PathBuf>("ca-file").ok().flatten().cloned(),
        silence: number("http-timeout").map_or(usual.silence, |seconds| Duration::from_secs(seconds.into())),
        retries: number("http-retries").unwrap_or(usual.retries),
    }
}

/// The data driver that was typed.
pub(super) fn chosen_data_driver(matches: &ArgMatches) -> &'static dyn DataDriver {
    let name = matches.get_one::<String>("data-driver").expect("it has a default");
    data::driver(name).expect("only names of drivers are taken")
}

/// The deploy driver that was typed.
fn chosen_deploy_driver(matches: &ArgMatches) -> &'static dyn DeployDriver {
    let name = matches.get_one::<String>("deploy-driver").expect("it has a default");
    deploy::driver(name).expect("only names of drivers are taken")
}
