// The rows of the threat matrix that are one run of one probe, as a table: what its call must come
// to at medium and at high (S: an errno without an event, E: an errno and an event, K: killed and
// reported, A: harmless for the fact that is named).
//
// Rows that nothing here tests yet, with the reason:
//   A12-A15, A31, A39          placing and collecting files, host side git: tests of their rooms
//   B41, B43                   core scheduling and exec policy are not built yet
//   B45 (thread twin), B48     id leases of two services: wait for the lease file
//   C9, C13, C15               recycling of a sealed slot: slots are destroyed after each Jail yet
//   N3-N18, N20-N22            egress is not built yet
//   R8, R25, R27               swap, block devices, clock steps: want a virtual machine
//   X*, Z*, V*                 the service, archives and the virtual machine
#include "harness.h"

namespace fabro::security {
namespace {

const std::string kWordOfNone = "EAFNOSUPPORT";

const std::vector<Row> kFileRows = {
    {"A1_host_marker",
     {"A1", "/etc/shadow", "/root", "/boot", "/var/lib/dpkg", "/etc/ssh"},
     S("ENOENT"),
     S("ENOENT")},
    {"A2_above_the_root", {"A2"}, S("ENOENT"), S("ENOENT")},
    {"A3_write_to_the_root", {"A3"}, S("EROFS,EACCES"), S("EROFS,EACCES")},
    {"A4_remount_usr_writable", {"A4"}, K("mount"), K("mount")},
    {"A5_chroot", {"A5"}, K("chroot"), K("chroot")},
    {"A6_pivot_root", {"A6a"}, K("pivot_root"), K("pivot_root")},
    {"A6_umount_the_root", {"A6b"}, K("umount2"), K("umount2")},
    {"A7_open_by_handle", {"A7"}, K("open_by_handle_at"), K("open_by_handle_at")},
    {"A8_root_of_init", {"A8"}, S("EACCES,EPERM,ENOENT"), S("EACCES,EPERM,ENOENT")},
    {"A9_program_of_the_engine",
     {"A9"},
     S("EACCES,EPERM,ENOENT,ETXTBSY,EROFS"),
     S("EACCES,EPERM,ENOENT,ETXTBSY,EROFS")},
    {"A10_leaked_descriptors", {"A10"}, S("3"), S("3")},
    {"A16_hard_link_across_mounts", {"A16"}, S("EXDEV"), S("EXDEV")},
    {"A17_setuid_binary", {"A17"}, A(), A()},
    {"A18_device_node", {"A18"}, E("EPERM", "mknodat"), S("EPERM")},
    {"A19_devices_of_the_host", {"A19"}, S("ENOENT"), S("ENOENT")},
    {"A20_masked_proc", {"A20"}, S("ENOENT"), S("ENOENT")},
    {"A21_core_pattern", {"A21"}, S("ENOENT"), S("ENOENT")},
    {"A22_sysfs", {"A22"}, S("ENOENT"), S("ENOENT")},
    {"A23_mount_cgroup2", {"A23"}, K("mount"), K("mount")},
    {"A24_mount_cgroup_v1", {"A24"}, K("mount"), K("mount")},
    {"A25_overlay_in_user_namespace", {"A25"}, E("EPERM", "unshare"), K("unshare")},
    {"A26_fsopen", {"A26"}, K("fsopen"), K("fsopen")},
    {"A26_open_tree", {"A26b"}, K("open_tree"), K("open_tree")},
    {"A28_dirty_pipe", {"A28"}, A("unchanged"), S("EINVAL")},
    {"A29_af_alg", {"A29"}, E("EAFNOSUPPORT", "socket"), E("EAFNOSUPPORT", "socket")},
    {"A30_upper_layer_protocol", {"A30a"}, S("ENOPROTOOPT"), S(kWordOfNone)},
    {"A30_rxrpc", {"A30b"}, E("EAFNOSUPPORT", "socket"), E("EAFNOSUPPORT", "socket")},
    {"A30_xfrm", {"A30c"}, E("EAFNOSUPPORT", "socket"), E("EAFNOSUPPORT", "socket")},
    {"A33_page_cache_residency", {"A33"}, A("own"), S("ENOSYS")},
    {"A36_deep_tree", {"A36"}, A("bounded"), A("bounded")},
};

const std::vector<Row> kProcessRows = {
    {"B1_processes_of_the_host", {"B1"}, A("own"), A("own")},
    {"B2_signal_everybody", {"B2"}, A("none"), A("none")},
    {"B3_kill_init", {"B3"}, S("EPERM"), S("EPERM")},
    {"B4_ptrace_init", {"B4"}, E("EPERM", "ptrace"), K("ptrace")},
    {"B5_write_foreign_memory", {"B5"}, K("process_vm_writev"), K("process_vm_writev")},
    {"B6_steal_a_descriptor", {"B6"}, K("pidfd_getfd"), K("pidfd_getfd")},
    {"B7_setuid", {"B7a"}, S("EPERM"), S("EPERM")},
    {"B7_setresuid", {"B7b"}, S("EPERM"), S("EPERM")},
    {"B7_setgroups", {"B7c"}, S("EPERM"), S("EPERM")},
    {"B8_rewrite_maps", {"B8"}, A(), A()},
    {"B9_unshare_user", {"B9a"}, E("EPERM", "unshare"), K("unshare")},
    {"B9_clone_user", {"B9b"}, E("EPERM", "clone"), K("clone")},
    {"B10_setns", {"B10"}, K("setns"), K("setns")},
    {"B11_capset", {"B11a"}, S("EPERM"), S("EPERM")},
    {"B11_ambient", {"B11b"}, S("EPERM"), S("EPERM")},
    {"B12_no_new_privs_stays", {"B12"}, S("EINVAL"), S("EINVAL")},
    {"B13_add_key", {"B13a"}, K("add_key"), K("add_key")},
    {"B13_keyctl", {"B13b"}, K("keyctl"), K("keyctl")},
    {"B14_bpf", {"B14"}, K("bpf"), K("bpf")},
    {"B15_perf", {"B15"}, K("perf_event_open"), K("perf_event_open")},
    {"B16_userfaultfd", {"B16"}, K("userfaultfd"), K("userfaultfd")},
    {"B17_io_uring_setup", {"B17a"}, E("ENOSYS", "io_uring_setup"), S("ENOSYS")},
    {"B17_io_uring_enter", {"B17b"}, K("io_uring_enter"), K("io_uring_enter")},
    {"B18_load_a_module", {"B18a"}, K("finit_module"), K("finit_module")},
    {"B18_kexec", {"B18b"}, K("kexec_load"), K("kexec_load")},
    {"B18_reboot", {"B18c"}, K("reboot"), K("reboot")},
    {"B20_clone3", {"B20"}, S("ENOSYS"), S("ENOSYS")},
    {"B21_high_bits_of_an_argument", {"B21"}, E("EPERM", "ioctl"), S("ENOTTY")},
    {"B22_personality", {"B22"}, E("EPERM", "personality"), S("EPERM")},
    {"B23_page_zero", {"B23"}, S("EPERM,EACCES"), S("EPERM,EACCES")},
    {"B24_modify_ldt", {"B24a"}, E("ENOSYS", "modify_ldt"), K("modify_ldt")},
    {"B24_iopl", {"B24b"}, K("iopl"), K("iopl")},
    {"B25_listener_of_its_own", {"B25a"}, S("EINVAL"), S("EINVAL")},
    {"B25_filter_of_its_own", {"B25b"}, K("mount"), S("EINVAL")},
    {"B26_flood_of_forbidden_calls", {"B26"}, K("mount"), K("mount")},
    {"B27_sigsys_handler", {"B27"}, K("mount"), K("mount")},
    {"B28_grandchild_behind_a_good_exit", {"B28"}, K("mount"), K("mount")},
    {"B31_zombies", {"B31"}, A(), A()},
    {"B33_clock_settime", {"B33a"}, K("clock_settime"), K("clock_settime")},
    {"B33_adjtimex", {"B33b"}, E("EPERM", "adjtimex"), K("adjtimex")},
    {"B34_time_namespace", {"B34"}, A("near-zero"), A("near-zero")},
    {"B35_kernel_log", {"B35"}, E("EPERM", "syslog"), K("syslog")},
    {"B36_host_name", {"B36"}, K("sethostname"), K("sethostname")},
    {"B37_real_time_priority", {"B37"}, S("EPERM"), S("EPERM")},
    {"B38_affinity_outside", {"B38"}, S("EINVAL"), S("EINVAL")},
    {"B39_type_into_a_terminal", {"B39"}, E("EPERM", "ioctl"), S("ENOTTY")},
    {"B40_controlling_terminal", {"B40"}, S("ENXIO"), S("ENXIO")},
};

const std::vector<Row> kSocketRows = {
    {"C2_sockets_of_the_host", {"C2"}, S("ENOENT"), S("ENOENT")},
    {"C5_vsock", {"C5"}, E("EAFNOSUPPORT", "socket"), E("EAFNOSUPPORT", "socket")},
    {"C6_packet", {"C6a"}, E("EAFNOSUPPORT", "socket"), E("EAFNOSUPPORT", "socket")},
    {"C6_raw", {"C6b"}, E("EAFNOSUPPORT", "socket"), E("EAFNOSUPPORT", "socket")},
    {"C6_netfilter", {"C6c"}, E("EAFNOSUPPORT", "socket"), E("EAFNOSUPPORT", "socket")},
    {"C7_exotic_families", {"C7", ",1,2,10,16,"}, A("none"), A("none")},
    {"C7_no_socket_at_all_in_mode_none", {"C7", ""}, None(), A("none")},
    {"C8_out_of_band", {"C8"}, E("EOPNOTSUPP", "sendto"), S("EOPNOTSUPP")},
    {"C10_socket_ebpf", {"C10"}, S("ENOPROTOOPT"), S("ENOPROTOOPT")},
    {"C11_inotify_budget", {"C11a"}, S("EMFILE"), S("ENOSYS")},
    {"C11_fanotify", {"C11b"}, E("ENOSYS", "fanotify_init"), K("fanotify_init")},
    {"C12_ping_socket", {"C12"}, E("EAFNOSUPPORT", "socket"), E("EAFNOSUPPORT", "socket")},
    {"N1_public_v4", {"connect", "1.1.1.1", "443"}, S("ENETUNREACH"), S(kWordOfNone)},
    {"N1_public_v6",
     {"connect", "2606:4700::1111", "443"},
     S("ENETUNREACH,EADDRNOTAVAIL"),
     S(kWordOfNone)},
    {"N2_metadata_v4", {"connect", "169.254.169.254", "80"}, S("ENETUNREACH"), S(kWordOfNone)},
    {"N2_metadata_v6",
     {"connect", "fd00:ec2::254", "80"},
     S("ENETUNREACH,EADDRNOTAVAIL"),
     S(kWordOfNone)},
    {"N23_own_loopback_works", {"N23own"}, A("works"), A(kWordOfNone)},
};

class FileRows : public RowTest {};
TEST_P(FileRows, IsRefused) { Attack(); }
INSTANTIATE_TEST_SUITE_P(Matrix, FileRows, ::testing::ValuesIn(AtBothLevels(kFileRows)), NameOf);

class ProcessRows : public RowTest {};
TEST_P(ProcessRows, IsRefused) { Attack(); }
INSTANTIATE_TEST_SUITE_P(Matrix, ProcessRows, ::testing::ValuesIn(AtBothLevels(kProcessRows)),
                         NameOf);

class SocketRows : public RowTest {};
TEST_P(SocketRows, IsRefused) { Attack(); }
INSTANTIATE_TEST_SUITE_P(Matrix, SocketRows, ::testing::ValuesIn(AtBothLevels(kSocketRows)),
                         NameOf);

}  // namespace

std::vector<RowAtLevel> AllRows() {
  std::vector<RowAtLevel> all;
  for (const auto* rows : {&kFileRows, &kProcessRows, &kSocketRows}) {
    const std::vector<RowAtLevel> part = AtBothLevels(*rows);
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace fabro::security
