use super::*;

use MetricsCollector as Name;

#[test]
fn fields_of_virtual_memory_are_those_that_node_exporter_shows() {
    let tree = Tree::new();
    let text = "nr_free_pages 5\npgpgin 7\npgpgout 8\npswpin 1\npswpout 2\npgfault 100\n\
        pgmajfault 3\npgalloc_dma 9\noom_kill 4\n";
    tree.write("proc/vmstat", text);
    let expected = [
        "vmstat_oom_kill 4",
        "vmstat_pgfault 100",
        "vmstat_pgmajfault 3",
        "vmstat_pgpgin 7",
        "vmstat_pgpgout 8",
        "vmstat_pswpin 1",
        "vmstat_pswpout 2",
    ];
    shows(&tree, Name::Vmstat, &expected);
    refuses(Name::Vmstat, "proc/vmstat", &["pgpgin\n", "pgpgin x\n"]);
}

#[test]
fn open_files_and_entropy_are_read() {
    let tree = Tree::new();
    tree.write("proc/sys/fs/file-nr", "1024\t0\t1631329\n");
    shows(
        &tree,
        Name::Filefd,
        &["filefd_allocated 1024", "filefd_maximum 1631329"],
    );
    refuses(
        Name::Filefd,
        "proc/sys/fs/file-nr",
        &["", "1 2\n", "1 2 x\n", "1 2 3 4\n"],
    );
    tree.write("proc/sys/kernel/random/entropy_avail", "256\n");
    tree.write("proc/sys/kernel/random/poolsize", "256\n");
    shows(
        &tree,
        Name::Entropy,
        &["entropy_available_bits 256", "entropy_pool_size_bits 256"],
    );
    refuses(
        Name::Entropy,
        "proc/sys/kernel/random/entropy_avail",
        &["", "many\n"],
    );
}

#[test]
fn selinux_is_off_until_it_is_mounted() {
    let tree = Tree::new();
    shows(&tree, Name::Selinux, &["selinux_enabled 0"]);
    tree.write("sys/fs/selinux/enforce", "0");
    tree.write(
        "etc/selinux/config",
        "# SELINUX=disabled\nSELINUX=enforcing\nSELINUXTYPE=targeted\n",
    );
    let expected = [
        "selinux_config_mode 1",
        "selinux_current_mode 0",
        "selinux_enabled 1",
    ];
    shows(&tree, Name::Selinux, &expected);
    tree.write("etc/selinux/config", "SELINUX=disabled\n");
    assert_eq!(good(&tree, Name::Selinux)[0], "selinux_config_mode -1.0");
    tree.write("sys/fs/selinux/enforce", "odd");
    assert!(!read(&tree, Name::Selinux).1);
}

#[test]
fn times_on_processors_are_in_seconds() {
    let tree = Tree::new();
    let text = "version 15\ntimestamp 1\ncpu0 0 0 0 0 0 0 1500000000 250000000 7\n\
        domain0 3 1 2\ncpu1 0 0 0 0 0 0 1 0 0\n";
    tree.write("proc/schedstat", text);
    let expected = [
        "schedstat_running_seconds_total{cpu=0} 1.5",
        "schedstat_running_seconds_total{cpu=1} 1e-9",
        "schedstat_timeslices_total{cpu=0} 7",
        "schedstat_timeslices_total{cpu=1} 0",
        "schedstat_waiting_seconds_total{cpu=0} 0.25",
        "schedstat_waiting_seconds_total{cpu=1} 0.0",
    ];
    shows(&tree, Name::Schedstat, &expected);
    refuses(
        Name::Schedstat,
        "proc/schedstat",
        &["cpu0 1 2 3\n", "cpu0 0 0 0 0 0 0 x 0 0\n"],
    );
}

#[test]
fn hung_tasks_and_interrupt_pressure_are_of_newer_kernels() {
    let tree = Tree::new();
    tree.write("proc/sys/kernel/hung_task_detect_count", "3\n");
    shows(&tree, Name::KernelHung, &["kernel_hung_tasks_total 3"]);
    shows(&tree, Name::Pressure, &[]);
    tree.write(
        "proc/pressure/irq",
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=8494\n",
    );
    shows(
        &tree,
        Name::Pressure,
        &["pressure_irq_stalled_seconds_total 0.008494"],
    );
    tree.write("proc/pressure/irq", "full avg10=0.00\n");
    assert!(!read(&tree, Name::Pressure).1);
}

#[test]
fn interrupts_are_shown_by_processor() {
    let tree = Tree::new();
    let text = "            CPU0       CPU2\n   8:          1          2   IO-APIC   8-edge      rtc0\n\
        NMI:          3          4   Non-maskable interrupts\n ERR:          0\n MIS:          0          0\n";
    tree.write("proc/interrupts", text);
    let expected = [
        "interrupts_total{cpu=0,devices=,info=Non-maskable interrupts,type=NMI} 3",
        "interrupts_total{cpu=0,devices=8-edge rtc0,info=IO-APIC,type=8} 1",
        "interrupts_total{cpu=2,devices=,info=Non-maskable interrupts,type=NMI} 4",
        "interrupts_total{cpu=2,devices=8-edge rtc0,info=IO-APIC,type=8} 2",
    ];
    shows(&tree, Name::Interrupts, &expected);
    tree.write("proc/softirqs", "   CPU0 CPU1\n  HI:  1  2\nTIMER:  3  4\n");
    let expected = [
        "softirqs_functions_total{cpu=0,type=HI} 1",
        "softirqs_functions_total{cpu=0,type=TIMER} 3",
        "softirqs_functions_total{cpu=1,type=HI} 2",
        "softirqs_functions_total{cpu=1,type=TIMER} 4",
    ];
    shows(&tree, Name::Softirqs, &expected);
    refuses(
        Name::Interrupts,
        "proc/interrupts",
        &["", "\n", "odd text\n1: 2\n"],
    );
    refuses(Name::Softirqs, "proc/softirqs", &["", "odd\n"]);
}

#[test]
fn processes_and_threads_are_counted_by_state() {
    let tree = Tree::new();
    for (pid, name, state) in [(1, &b"init"[..], 'S'), (20, b"a) R (b", 'R')] {
        let line = crate::testing::stat_line(pid, name, state, 0, 0);
        tree.write(&format!("proc/{pid}/stat"), &line);
        tree.write(&format!("proc/{pid}/task/{pid}/stat"), &line);
    }
    let thread = crate::testing::stat_line(21, b"thread", 'D', 0, 0);
    tree.write("proc/20/task/21/stat", thread);
    tree.write("proc/30/stat", "30 (gone");
    tree.write("proc/sys/kernel/pid_max", "32768\n");
    tree.write("proc/sys/kernel/threads-max", "7801\n");
    // Each of the recorded lines is of a process with two threads.
    let expected = [
        "processes_max_processes 32768",
        "processes_max_threads 7801",
        "processes_pids 2",
        "processes_state{state=R} 1",
        "processes_state{state=S} 1",
        "processes_threads 4",
        "processes_threads_state{thread_state=D} 1",
        "processes_threads_state{thread_state=R} 1",
        "processes_threads_state{thread_state=S} 1",
    ];
    shows(&tree, Name::Processes, &expected);
}

#[test]
fn the_distribution_is_described_by_its_file() {
    let tree = Tree::new();
    let text = "NAME=\"Ubuntu\"\nVERSION=\"20.04.2 \\\"LTS\\\"\"\nID=ubuntu\nID_LIKE='debian'\n\
        VERSION_ID=\"20.04.2\"\nSUPPORT_END=2031-01-02\n# NAME=other\n";
    tree.write("usr/lib/os-release", text);
    let info = "build_id=,id=ubuntu,id_like=debian,image_id=,image_version=,name=Ubuntu,pretty_name=,\
        variant=,variant_id=,version=20.04.2 \"LTS\",version_codename=,version_id=20.04.2";
    let expected = [
        &format!("os_info{{{info}}} 1"),
        "os_support_end_timestamp_seconds 1925078400",
        "os_version{id=ubuntu,id_like=debian,name=Ubuntu} 20.04",
    ];
    shows(&tree, Name::Os, &expected);
    tree.write(
        "etc/os-release",
        "ID=arch\nVERSION_ID=rolling\nSUPPORT_END=never\n",
    );
    assert_eq!(good(&tree, Name::Os).len(), 1);
}
