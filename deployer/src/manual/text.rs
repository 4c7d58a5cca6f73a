//! What the help has no room for: what each command is for, and what it takes from the environment and from files.

type Pairs = &'static [(&'static str, &'static str)];

/// What there is to say about a command.
#[derive(Default, Clone, Copy)]
pub(super) struct Text {
    pub(super) description: &'static [&'static str],
    pub(super) environment: &'static [Pairs],
    pub(super) files: &'static [Pairs],
    pub(super) see_also: &'static [&'static str],
}

const PASSWORD: Pairs = &[
    (
        "RSYNC_PASSWORD",
        "The password for modules that want one, where no --password-file is named. It goes to every such module that is \
         asked.",
    ),
    ("USER, LOGNAME", "Whose password it is, where the URL names no user. Without them it is `nobody`."),
];

const RULES: Pairs =
    &[("HOME", "With -C, where .cvsignore is looked for."), ("CVSIGNORE", "With -C, further patterns.")];

const PARTIAL: Pairs =
    &[("RSYNC_PARTIAL_DIR", "With --partial, the directory of --partial-dir, where none is named.")];

const SHOWN: Pairs = &[("TERM", "If it is `dumb` or missing, progress is written as lines, not drawn.")];

const WEB: Pairs = &[
    (
        "http_proxy, https_proxy, all_proxy, no_proxy",
        "The proxy that images of the swift driver are asked for through, and the hosts that are asked without it.",
    ),
    (
        "SSL_CERT_FILE, SSL_CERT_DIR",
        "Where the certificates of the authorities are, if not where the system has them.",
    ),
];

const TOOLS: Pairs = &[("PATH", "Where the tools are looked for that make file systems, groups and arrays.")];

const PULLED: Pairs = &[
    (
        ".rsp-partial",
        "With --retries, and without --partial, --partial-dir or --inplace: beside the place of a file, what came of it \
         before the connection was lost. It is gone when the pull comes to its end, and stays for the next one if that is \
         stopped.",
    ),
    ("/etc/passwd, /etc/group", "Names of users and groups, which count unless there is --numeric-ids."),
];

const IGNORED: Pairs = &[
    ("~/.cvsignore", "With -C, further patterns."),
    (".rsync-filter", "With -F, rules for the directory that it is in."),
];

const DESCRIPTION: Pairs = &[(
    "/tmp/provision.json",
    "The description, where neither --input-data-file nor --input-data names one.",
)];

const DEPLOYED: Pairs = &[
    (
        "/tmp/boot_entries.json",
        "With several systems, the list of boot entries, where no --boot-entries is named.",
    ),
    (
        "/.deployer-state.json",
        "In the root of each system that was deployed: which description it was, and how far the deployment came.",
    ),
];

const RSYNC: &[&str] = &["rsync(1)", "rsyncd.conf(5)"];

/// The commands with a text of their own.
#[cfg(test)]
pub(super) const COMMANDS: &[&str] = &[
    "deployer",
    "pull",
    "list",
    "provision",
    "partition",
    "configdrive",
    "copyimage",
    "bootloader",
    "plan",
    "validate",
    "schema",
    "reboot",
    "serve",
    "init",
    "demo",
    "man",
    "completions",
];

/// What there is to say about the command of this name.
pub(super) fn of(command: &str) -> Text {
    let phase = Text {
        environment: &[PASSWORD, WEB, TOOLS],
        files: &[DESCRIPTION, DEPLOYED],
        see_also: RSYNC,
        ..Text::default()
    };
    match command {
        "deployer" => Text {
            description: &[
                "deployer turns bare disks into a machine that starts: it reads a description of disks and images, \
                 partitions, makes file systems, and pulls the operating system, file by file, from an rsync daemon \
                 straight into place. Run again, it moves only what differs.",
                "It is one executable, and needs no rsync where it runs. `deployer pull` is a client for rsync daemons \
                 by itself, with rsync's spelling of the options.",
                "The rsync protocol itself encrypts nothing: a password that is given is not seen on the way, but all that comes \
                 is, unless it comes over TLS (rsyncs://) or a remote shell.",
            ],
            see_also: RSYNC,
            ..Text::default()
        },
        "pull" => Text {
            description: &[
                "Pulls a tree from an rsync daemon into a directory, and moves only what differs from what is there. \
                 Options have rsync's spelling and rsync's meaning.",
                "A file appears whole or not at all: it is written without a name or beside its place, verified, given \
                 its attributes and only then its name. What ends the pull, such as Ctrl-C, leaves no temporary file.",
                "Root is needed to keep owners and devices, which are in `-a`. Whoever else pulls gets files of his \
                 own and no devices.",
                "Where the kernel has Landlock, the pull writes nothing but what is beneath its destination and the \
                 directories that options name.",
            ],
            environment: &[PASSWORD, PARTIAL, RULES, SHOWN],
            files: &[PULLED, IGNORED],
            see_also: RSYNC,
        },
        "serve" => Text {
            description: &[
                "Serves directories to rsync clients, for reading and nothing else. Each client has a thread of its own, and \
                 nothing that it says leads out of the directory of its module.",
                "Where the kernel has Landlock, the program itself reaches nothing but these directories.",
            ],
            files: &[&[(
                "/etc/passwd, /etc/group",
                "Names of users and groups, which clients are told unless they ask for --numeric-ids.",
            )]],
            see_also: RSYNC,
            ..Text::default()
        },
        "demo" => Text {
            description: &[
                "Shows what this program is for: a small tree is served from inside, deployed, changed and deployed again. \
                 Each command that is run is shown.",
            ],
            environment: &[
                &[(
                    "TMPDIR",
                    "Where the tree and the disk in a file are made, in place of /tmp: some 70 MB.",
                )],
                SHOWN,
            ],
            ..Text::default()
        },
        "list" => Text {
            description: &[
                "Lists the modules of a daemon, if the URL names none, or else what is at the URL, in the form of \
                 rsync's listings. Nothing is transferred.",
            ],
            environment: &[PASSWORD, RULES],
            files: &[IGNORED],
            see_also: RSYNC,
        },
        "provision" => Text {
            description: &[
                "Carries out a whole deployment: lays out the disks, writes the config drive, copies the images, \
                 writes fstab and installs the boot loader. The disks that the description names are wiped, unless \
                 its `partitions_policy` says otherwise.",
                "Disks that are in use are refused, and what can be missing or too small is found before the first \
                 change. A second run moves only what differs. The machine restarts only with `--reboot`.",
                "It needs root, a kernel with the file systems that are described, and the tools that make them.",
            ],
            ..phase
        },
        "partition" => Text {
            description: &[
                "Carries out the first phase of a deployment: partitions, arrays, groups and file systems are made, or \
                 under the policy `verify` compared with the description.",
            ],
            ..phase
        },
        "configdrive" => Text {
            description: &[
                "Carries out the second phase of a deployment: the config drive of the description, which cloud-init \
                 reads, goes onto its partition.",
            ],
            ..phase
        },
        "copyimage" => Text {
            description: &[
                "Carries out the third phase of a deployment: the file systems are mounted by depth where no other \
                 program sees them, the images are pulled into place, and fstab is written.",
            ],
            ..phase
        },
        "bootloader" => Text {
            description: &[
                "Carries out the last phase of a deployment: GRUB 2 is installed by the tools of the system that was \
                 deployed, or else by those of the machine that deploys.",
            ],
            ..phase
        },
        "plan" => Text {
            description: &[
                "Compares the description with the machine, and shows each step that `provision` would carry out, \
                 and what each file system is going to hold. Nothing is changed on any disk.",
            ],
            ..phase
        },
        "validate" => Text {
            description: &["Reads a description, and names all mistakes in it, each with its JSON path."],
            files: &[DESCRIPTION],
            ..Text::default()
        },
        "schema" => Text {
            description: &["Prints every key of descriptions with its meaning, as a JSON Schema."],
            ..Text::default()
        },
        "reboot" => Text { files: &[DESCRIPTION], ..Text::default() },
        "init" => Text {
            description: &[
                "What the kernel of a ramdisk starts first, under the name /init: it loads drivers, sets up the network, \
                 fetches the description, deploys, and ends as the kernel's command line says.",
            ],
            ..Text::default()
        },
        "man" => Text {
            description: &[
                "Prints this manual, made of the command line as this program parses it. Pages in a directory appear \
                 whole or not at all, and replace files only.",
            ],
            see_also: &["man(1)"],
            ..Text::default()
        },
        "completions" => Text {
            description: &[
                "Prints a script for bash, fish or zsh. bash reads it by `source`, or from where the \
                 package bash-completion looks; fish and zsh look for it by its name in directories of their own.",
            ],
            see_also: &["bash(1)", "fish(1)", "zsh(1)"],
            ..Text::default()
        },
        _ => Text::default(),
    }
}
