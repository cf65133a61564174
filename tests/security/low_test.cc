// The threat matrix at level low: what its deny list refuses, and what the other layers hold where
// it refuses nothing. `medium` of a Row stands for low here.
#include "harness.h"

namespace fabro::security {
namespace {

const std::string kRefused = "EACCES,EPERM,ENOENT";

const std::vector<Row> kRows = {
    {"A1_host_marker", {"A1", "/etc/shadow", "/root", "/boot", "/var/lib/dpkg"}, S("ENOENT"), {}},
    {"A2_above_the_root", {"A2"}, S("ENOENT"), {}},
    {"A3_write_to_the_root", {"A3"}, S("EROFS,EACCES"), {}},
    {"A4_remount_usr_writable", {"A4"}, S("EPERM"), {}},
    {"A5_chroot", {"A5"}, S("EPERM"), {}},
    {"A6_pivot_root", {"A6a"}, S("EPERM"), {}},
    {"A6_umount_the_root", {"A6b"}, S("EPERM"), {}},
    {"A7_open_by_handle", {"A7"}, E("EPERM", "open_by_handle_at"), {}},
    {"A8_root_of_init", {"A8"}, S(kRefused), {}},
    {"A9_program_of_the_engine", {"A9"}, S(kRefused + ",ETXTBSY,EROFS"), {}},
    {"A10_leaked_descriptors", {"A10"}, S("3"), {}},
    {"A16_hard_link_across_mounts", {"A16"}, S("EXDEV"), {}},
    {"A17_setuid_binary", {"A17"}, A(), {}},
    {"A18_device_node", {"A18"}, E("EPERM", "mknodat"), {}},
    {"A19_devices_of_the_host", {"A19"}, S("ENOENT"), {}},
    {"A20_masked_proc", {"L9"}, A("covered"), {}},
    {"A21_A22_knobs_of_the_machine", {"L10"}, A("none"), {}},
    {"A23_mount_cgroup2", {"A23"}, S("EPERM"), {}},
    {"A23_mount_cgroup2_as_nested_root", {"L8"}, A("readable,EPERM"), {}},
    {"A24_mount_cgroup_v1", {"A24"}, S("EPERM"), {}},
    {"A26_fsopen", {"A26"}, S("EPERM"), {}},
    {"A26_open_tree", {"A26b"}, S("EPERM"), {}},
    {"A29_af_alg", {"A29"}, E("EAFNOSUPPORT", "socket"), {}},
    {"A30_upper_layer_protocol", {"A30a"}, S("ENOPROTOOPT"), {}},
    {"A30_rxrpc", {"A30b"}, E("EAFNOSUPPORT", "socket"), {}},
    {"A30_xfrm", {"A30c"}, E("EAFNOSUPPORT", "socket"), {}},
    {"B1_processes_of_the_host", {"B1"}, A("own"), {}},
    {"B2_signal_everybody", {"B2"}, A("none"), {}},
    {"B3_kill_init", {"B3"}, S("EPERM"), {}},
    {"B4_ptrace_init", {"B4"}, S("EPERM"), {}},
    {"B5_write_foreign_memory", {"B5"}, E("EPERM", "process_vm_writev"), {}},
    {"B6_steal_a_descriptor", {"B6"}, E("EPERM", "pidfd_getfd"), {}},
    {"B7_setuid", {"B7a"}, S("EPERM"), {}},
    {"B7_setresuid", {"B7b"}, S("EPERM"), {}},
    {"B7_setgroups", {"B7c"}, S("EPERM"), {}},
    {"B8_rewrite_maps", {"B8"}, A(), {}},
    {"B9_nested_namespaces_work", {"L1"}, A("works"), {}},
    {"B9_nested_root_and_procfs", {"L2"}, S("EPERM"), {}},
    {"B9_nested_root_and_sysfs", {"L3"}, S("EPERM"), {}},
    {"B9_nested_root_uncovers_nothing", {"L4"}, S("EINVAL,EPERM,EBUSY"), {}},
    {"B9_nested_root_remounts_nothing", {"L5"}, S("EPERM"), {}},
    {"B9_nested_root_and_init", {"L6"}, S("EACCES,EPERM,ENOENT"), {}},
    {"B9_nested_root_makes_no_device", {"L7"}, E("EPERM", "mknodat"), {}},
    {"B11_capset", {"B11a"}, S("EPERM"), {}},
    {"B11_ambient", {"B11b"}, S("EPERM"), {}},
    {"B12_no_new_privs_stays", {"B12"}, S("EINVAL"), {}},
    {"B13_add_key", {"B13a"}, E("EPERM", "add_key"), {}},
    {"B13_keyctl", {"B13b"}, E("EPERM", "keyctl"), {}},
    {"B14_bpf", {"B14"}, E("EPERM", "bpf"), {}},
    {"B15_perf", {"B15"}, E("EPERM", "perf_event_open"), {}},
    {"B16_userfaultfd", {"B16"}, E("EPERM", "userfaultfd"), {}},
    {"B17_io_uring_setup", {"B17a"}, E("ENOSYS", "io_uring_setup"), {}},
    {"B17_io_uring_enter", {"B17b"}, E("ENOSYS", "io_uring_enter"), {}},
    {"B18_load_a_module", {"B18a"}, E("EPERM", "finit_module"), {}},
    {"B18_kexec", {"B18b"}, E("EPERM", "kexec_load"), {}},
    {"B18_reboot", {"B18c"}, E("EPERM", "reboot"), {}},
    {"B20_clone3", {"B20"}, S("ENOSYS"), {}},
    {"B21_high_bits_of_an_argument", {"B21"}, E("EPERM", "ioctl"), {}},
    {"B23_page_zero", {"B23"}, S("EPERM,EACCES"), {}},
    {"B24_modify_ldt", {"B24a"}, E("EPERM", "modify_ldt"), {}},
    {"B24_iopl", {"B24b"}, E("EPERM", "iopl"), {}},
    {"B25_listener_of_its_own", {"B25a"}, S("EINVAL"), {}},
    {"B31_zombies", {"B31"}, A(), {}},
    {"B33_clock_settime", {"B33a"}, E("EPERM", "clock_settime"), {}},
    {"B33_adjtimex", {"B33b"}, E("EPERM", "adjtimex"), {}},
    {"B34_time_namespace", {"B34"}, A("near-zero"), {}},
    {"B35_kernel_log", {"B35"}, E("EPERM", "syslog"), {}},
    {"B36_host_name", {"B36"}, E("EPERM", "sethostname"), {}},
    {"B37_real_time_priority", {"B37"}, S("EPERM"), {}},
    {"B39_type_into_a_terminal", {"B39"}, E("EPERM", "ioctl"), {}},
    {"B40_controlling_terminal", {"B40"}, S("ENXIO"), {}},
    {"C2_sockets_of_the_host", {"C2"}, S("ENOENT"), {}},
    {"C5_vsock", {"C5"}, E("EAFNOSUPPORT", "socket"), {}},
    {"C6_packet", {"C6a"}, E("EAFNOSUPPORT", "socket"), {}},
    {"C6_raw", {"C6b"}, E("EAFNOSUPPORT", "socket"), {}},
    {"C6_netfilter", {"C6c"}, E("EAFNOSUPPORT", "socket"), {}},
    {"C7_exotic_families", {"C7", ",1,2,10,16,"}, A("none"), {}},
    {"C10_socket_ebpf", {"C10"}, S("ENOPROTOOPT"), {}},
    {"C11_inotify_budget", {"C11a"}, S("EMFILE"), {}},
    {"C12_ping_socket", {"C12"}, E("EAFNOSUPPORT", "socket"), {}},
    {"N1_public_v4", {"connect", "1.1.1.1", "443"}, S("ENETUNREACH"), {}},
    {"N2_metadata_v4", {"connect", "169.254.169.254", "80"}, S("ENETUNREACH"), {}},
    {"N23_own_loopback_works", {"N23own"}, A("works"), {}},
    {"N23_devices_of_its_own_network", {"L11"}, A("own"), {}},
};

std::vector<RowAtLevel> AtLow() {
  std::vector<RowAtLevel> all;
  for (const Row& row : kRows) all.push_back({row, model::Level::kLow});
  return all;
}

class LowRows : public RowTest {};
TEST_P(LowRows, IsRefused) { Attack(); }
INSTANTIATE_TEST_SUITE_P(Matrix, LowRows, ::testing::ValuesIn(AtLow()), NameOf);

// A slot that a guest of level low had is nobody else's.
TEST(LowTest, SharesNothingWithAnotherJail) {
  for (int i = 0; i < 2; ++i) {
    Sandbox sandbox(Sandbox::SpecOf(model::Level::kLow));
    ASSERT_TRUE(sandbox.ok());
    EXPECT_TRUE(sandbox.jail().info().shared.empty());
    Check(sandbox.Probe({"L1"}), A("works"));
  }
}

}  // namespace
}  // namespace fabro::security
