//! Which system calls fail: those that no pull makes, and that lead to more power than it has, or to others than the
//! server. A filter for seccomp.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::Lack;

/// Calls that are not there for a pull. All others are: which ones a C library makes differs too much.
const FORBIDDEN: &[c_long] = &[
    // Other programs, and other processes.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kcmp,
    // Other views of the file system, and ways around paths.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl_fd,
    // open_tree_attr
    467,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_quotactl,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    // The kernel itself, and the whole machine.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    // Not every C library names it on every architecture.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
    #[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
    294,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
];

/// Makes them fail in this thread and those that it starts.
pub(super) fn restrict() -> Result<(), Lack> {
    program()
        .and_then(|program| seccompiler::apply_filter(&program).map_err(|error| error.to_string()))
        .map_err(Lack::Filter)
}

type Rules = Result<Vec<SeccompRule>, BackendError>;

fn condition(argument: u8, operator: SeccompCmpOp, value: i32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value as u64)
}

/// Other sockets than those of TCP: nothing is asked of services of this machine, and nothing is sent elsewhere.
fn other_sockets() -> Rules {
    let none_of = |argument, values: [i32; 2]| {
        let differs = values.map(|value| condition(argument, SeccompCmpOp::Ne, value));
        SeccompRule::new(differs.into_iter().collect::<Result<_, _>>()?)
    };
    let families = none_of(0, [libc::AF_INET, libc::AF_INET6])?;
    // MPTCP connects past the rules for ports, which know TCP only.
    let protocols = none_of(2, [0, libc::IPPROTO_TCP])?;
    let mut rules = vec![families, protocols];
    // The kind of a socket; flags stand in the same number.
    for kind in (0..=0xf).filter(|kind| *kind != libc::SOCK_STREAM) {
        rules.push(SeccompRule::new(vec![condition(1, SeccompCmpOp::MaskedEq(0xf), kind)?])?);
    }
    Ok(rules)
}

/// Data that connects a socket by the way, which the rules for ports do not see. Flags are in this argument.
fn fast_opening(argument: u8) -> Rules {
    let flag = libc::MSG_FASTOPEN;
    let set = condition(argument, SeccompCmpOp::MaskedEq(flag as u64), flag)?;
    Ok(vec![SeccompRule::new(vec![set])?])
}

fn in_part() -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    Ok(BTreeMap::from([
        (libc::SYS_socket, other_sockets()?),
        (libc::SYS_sendto, fast_opening(3)?),
        (libc::SYS_sendmsg, fast_opening(2)?),
        (libc::SYS_sendmmsg, fast_opening(3)?),
    ]))
}

fn program() -> Result<BpfProgram, String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    // By their number alone, whatever their arguments.
    let mut rules: BTreeMap<i64, Vec<_>> = FORBIDDEN.iter().map(|call| (*call, Vec::new())).collect();
    rules.extend(in_part().map_err(|error| error.to_string())?);
    // The same calls once more, as the x32 kind of program makes them.
    if cfg!(target_arch = "x86_64") {
        let x32 = |(call, rules): (&i64, &Vec<_>)| (call | 0x4000_0000, rules.clone());
        rules = rules.iter().map(x32).chain(rules.clone()).collect();
    }
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, arch);
    filter.and_then(BpfProgram::try_from).map_err(|error| error.to_string())
}
