use std::os::unix::fs::symlink;

use super::*;

use MetricsCollector as Name;

#[test]
fn processors_are_online_throttled_or_isolated() {
    let tree = Tree::new();
    let cpu = |file: &str, text: &str| tree.write(&format!("sys/devices/system/cpu/{file}"), text);
    for (number, core) in [("0", "0"), ("1", "0"), ("2", "1")] {
        cpu(&format!("cpu{number}/topology/physical_package_id"), "0\n");
        cpu(
            &format!("cpu{number}/topology/core_id"),
            &format!("{core}\n"),
        );
        cpu(
            &format!("cpu{number}/thermal_throttle/core_throttle_count"),
            "5\n",
        );
        cpu(
            &format!("cpu{number}/thermal_throttle/package_throttle_count"),
            "30\n",
        );
    }
    cpu("cpu1/online", "1\n");
    cpu("cpu2/online", "0\n");
    cpu("isolated", "1,3-4\n");
    cpu("cpufreq/boost", "1\n");
    let expected = [
        "cpu_core_throttles_total{core=0,package=0} 5",
        "cpu_core_throttles_total{core=1,package=0} 5",
        "cpu_isolated{cpu=1} 1",
        "cpu_isolated{cpu=3} 1",
        "cpu_isolated{cpu=4} 1",
        "cpu_online{cpu=0} 1",
        "cpu_online{cpu=1} 1",
        "cpu_online{cpu=2} 0",
        "cpu_package_throttles_total{package=0} 30",
    ];
    shows(&tree, Name::Cpu, &expected);
    cpu("isolated", "0-99999999999,x,5-4,7\n");
    assert!(good(&tree, Name::Cpu).contains(&"cpu_isolated{cpu=7} 1".to_owned()));
}

#[test]
fn clock_rates_are_in_hertz_and_flaws_have_a_state() {
    let tree = Tree::new();
    let cpu = |file: &str, text: &str| tree.write(&format!("sys/devices/system/cpu/{file}"), text);
    cpu("cpu0/cpufreq/scaling_cur_freq", "1699981\n");
    cpu("cpu0/cpufreq/scaling_max_freq", "3700000\n");
    cpu("cpu0/cpufreq/cpuinfo_min_freq", "odd\n");
    cpu("cpu0/cpufreq/scaling_governor", "powersave\n");
    cpu(
        "cpu0/cpufreq/scaling_available_governors",
        "performance powersave\n",
    );
    cpu("cpu1/online", "0\n");
    let expected = [
        "cpu_scaling_frequency_hertz{cpu=0} 1699981000",
        "cpu_scaling_frequency_max_hertz{cpu=0} 3700000000",
        "cpu_scaling_governor{cpu=0,governor=performance} 0",
        "cpu_scaling_governor{cpu=0,governor=powersave} 1",
    ];
    shows(&tree, Name::Cpufreq, &expected);
    cpu("vulnerabilities/l1tf", "Not affected\n");
    cpu(
        "vulnerabilities/spectre_v2",
        "Mitigation: Retpolines; IBPB: conditional\n",
    );
    cpu("vulnerabilities/mds", "Vulnerable: no microcode\n");
    cpu("vulnerabilities/new", "Something else\n");
    let expected = [
        "cpu_vulnerabilities_info{codename=l1tf,mitigation=,state=not affected} 1",
        "cpu_vulnerabilities_info{codename=mds,mitigation=no microcode,state=vulnerable} 1",
        "cpu_vulnerabilities_info{codename=new,mitigation=Something else,state=unknown} 1",
        "cpu_vulnerabilities_info{codename=spectre_v2,mitigation=Retpolines; IBPB: conditional,state=mitigation} 1",
    ];
    shows(&tree, Name::CpuVulnerabilities, &expected);
}

#[test]
fn sensors_have_the_units_of_their_kind() {
    let tree = Tree::new();
    let write = |file: &str, text: &str| tree.write(&format!("sys/class/hwmon/{file}"), text);
    let files = [
        ("name", "nct6779"),
        ("temp1_input", "42500"),
        ("temp1_crit", "100000"),
        ("temp1_crit_alarm", "0"),
        ("temp1_label", "CPU"),
        ("temp1_type", "4"),
        ("temp2_input", "odd"),
        ("fan2_input", "1098"),
        ("fan2_alarm", "1"),
        ("fan2_beep", "0"),
        ("fan2_pulses", "2"),
        ("in0_input", "792"),
        ("curr1_input", "1500"),
        ("power1_average", "25000000"),
        ("power1_average_interval", "1000"),
        ("power1_accuracy", "950000"),
        ("energy1_input", "2500000"),
        ("humidity1_input", "450000"),
        ("pwm1", "153"),
        ("pwm1_enable", "5"),
        ("beep_enable", "1"),
        ("update_interval", "500"),
        ("freq1_input", "300000000"),
        ("freq1_label", "sclk"),
        ("uevent", "x"),
        ("temp1", ""),
    ];
    for (file, text) in files {
        write(&format!("hwmon0/{file}"), &format!("{text}\n"));
    }
    std::fs::create_dir_all(tree.path("sys/devices/platform/nct6775.656")).unwrap();
    symlink(
        "../../../devices/platform/nct6775.656",
        tree.path("sys/class/hwmon/hwmon0/device"),
    )
    .unwrap();
    let chip = "chip=platform_nct6775_656";
    let line = |name: &str, sensor: &str, value: &str| {
        format!("hwmon_{name}{{{chip},sensor={sensor}}} {value}")
    };
    let mut expected = [
        line("temp_celsius", "temp1", "42.5"),
        line("temp_crit_celsius", "temp1", "100.0"),
        line("temp_crit_alarm_celsius", "temp1", "0.0"),
        line("temp_type", "temp1", "4.0"),
        line("fan_rpm", "fan2", "1098.0"),
        line("fan_alarm", "fan2", "1.0"),
        line("fan_beep_enabled", "fan2", "0.0"),
        line("fan_pulses", "fan2", "2.0"),
        line("in_volts", "in0", "0.792"),
        line("curr_amps", "curr1", "1.5"),
        line("power_average_watt", "power1", "25.0"),
        line("power_average_interval_seconds", "power1", "1.0"),
        line("power_accuracy", "power1", "0.95"),
        line("energy_joule_total", "energy1", "2.5"),
        line("humidity", "humidity1", "0.45"),
        line("pwm", "pwm1", "153.0"),
        line("pwm_enable", "pwm1", "5.0"),
        line("beep_enabled", "beep_enable0", "1.0"),
        line("update_interval_seconds", "update_interval0", "0.5"),
        line("freq_freq_mhz", "sclk", "300.0"),
        format!("hwmon_chip_names{{{chip},chip_name=nct6779}} 1"),
        format!("hwmon_sensor_label{{{chip},label=CPU,sensor=temp1}} 1"),
        format!("hwmon_sensor_label{{{chip},label=sclk,sensor=freq1}} 1"),
    ];
    expected.sort();
    assert_eq!(good(&tree, Name::Hwmon), expected);
}

#[test]
fn chips_without_a_device_are_named_by_their_driver() {
    let tree = Tree::new();
    tree.write("sys/class/hwmon/hwmon0/name", "acpi-tz\n");
    tree.write("sys/class/hwmon/hwmon1/in1_input", "5\n");
    // An old driver has its files one level deeper.
    tree.write("sys/class/hwmon/hwmon2/device/temp1_input", "1000\n");
    let lines = good(&tree, Name::Hwmon);
    assert_eq!(
        lines,
        [
            "hwmon_chip_names{chip=acpi_tz,chip_name=acpi_tz} 1",
            "hwmon_in_volts{chip=hwmon1,sensor=in1} 0.005",
            "hwmon_temp_celsius{chip=hwmon2_device,sensor=temp1} 1.0",
        ]
    );
}

#[test]
fn batteries_zones_and_energy_have_their_units() {
    let tree = Tree::new();
    let write = |file: &str, text: &str| tree.write(&format!("sys/class/{file}"), text);
    write("power_supply/AC/online", "1\n");
    write("power_supply/AC/type", "Mains\n");
    write("power_supply/BAT0/capacity", "81\n");
    write("power_supply/BAT0/voltage_now", "11660000\n");
    write("power_supply/BAT0/current_now", "-500000\n");
    write("power_supply/BAT0/temp", "305\n");
    write("power_supply/BAT0/cycle_count", "\n");
    let expected = [
        "power_supply_capacity{power_supply=BAT0} 81",
        "power_supply_current_ampere{power_supply=BAT0} -0.5",
        "power_supply_info{power_supply=AC,type=Mains} 1",
        "power_supply_info{power_supply=BAT0} 1",
        "power_supply_online{power_supply=AC} 1",
        "power_supply_temp_celsius{power_supply=BAT0} 30.5",
        "power_supply_voltage_volt{power_supply=BAT0} 11.66",
    ];
    shows(&tree, Name::Powersupplyclass, &expected);
    write("thermal/thermal_zone0/temp", "12376\n");
    write("thermal/thermal_zone0/type", "cpu-thermal\n");
    write("thermal/thermal_zone1/temp", "");
    write("thermal/cooling_device10/type", "Processor\n");
    write("thermal/cooling_device10/cur_state", "-1\n");
    write("thermal/cooling_device10/max_state", "3\n");
    let expected = [
        "cooling_device_cur_state{name=10,type=Processor} -1.0",
        "cooling_device_max_state{name=10,type=Processor} 3",
        "thermal_zone_temp{type=cpu-thermal,zone=0} 12.376",
    ];
    shows(&tree, Name::ThermalZone, &expected);
    write("powercap/intel-rapl/enabled", "1\n");
    write("powercap/intel-rapl:0/name", "package-1\n");
    write("powercap/intel-rapl:0/energy_uj", "2500000\n");
    write("powercap/intel-rapl:0:0/name", "dram\n");
    write("powercap/intel-rapl:0:0/energy_uj", "1\n");
    write("powercap/intel-rapl:1:0/name", "dram\n");
    write("powercap/intel-rapl:1:0/energy_uj", "2000000\n");
    let path = tree.path("sys/class/powercap");
    let path = path.display();
    let expected = [
        format!("rapl_dram_joules_total{{index=0,path={path}/intel-rapl:0:0}} 1e-6"),
        format!("rapl_dram_joules_total{{index=1,path={path}/intel-rapl:1:0}} 2.0"),
        format!("rapl_package_joules_total{{index=1,path={path}/intel-rapl:0}} 2.5"),
    ];
    assert_eq!(good(&tree, Name::Rapl), expected);
}

#[test]
fn the_machine_and_its_controllers_are_described() {
    let tree = Tree::new();
    tree.write("sys/class/dmi/id/sys_vendor", "Dell Inc.\n");
    tree.write("sys/class/dmi/id/bios_date", "04/12/2021\n");
    let expected = "dmi_info{bios_date=04/12/2021,system_vendor=Dell Inc.} 1";
    shows(&tree, Name::Dmi, &[expected]);
    for (file, text) in [
        ("model", "Disk 1  "),
        ("firmware_rev", "1B2"),
        ("serial", "S6"),
        ("state", "live"),
    ] {
        tree.write(&format!("sys/class/nvme/nvme0/{file}"), format!("{text}\n"));
    }
    let expected =
        "nvme_info{device=nvme0,firmware_revision=1B2,model=Disk 1,serial=S6,state=live} 1";
    shows(&tree, Name::Nvme, &[expected]);
    tree.write("sys/class/watchdog/watchdog0/timeout", "60\n");
    tree.write("sys/class/watchdog/watchdog0/identity", "iTCO\n");
    let info = "identity=iTCO,name=watchdog0,options=,pretimeout_governor=,state=,status=";
    let expected = [
        &format!("watchdog_info{{{info}}} 1"),
        "watchdog_timeout_seconds{name=watchdog0} 60",
    ];
    shows(&tree, Name::Watchdog, &expected);
}

#[test]
fn errors_of_memory_are_counted_by_controller_and_row() {
    let tree = Tree::new();
    let write = |file: &str, text: &str| {
        tree.write(&format!("sys/devices/system/edac/mc/mc0/{file}"), text);
    };
    for (file, text) in [
        ("ce_count", "1"),
        ("ce_noinfo_count", "2"),
        ("ue_count", "5"),
        ("ue_noinfo_count", "6"),
    ] {
        write(file, text);
    }
    write("csrow0/ce_count", "3");
    write("csrow0/ue_count", "4");
    let expected = [
        "edac_correctable_errors_total{controller=0} 1",
        "edac_csrow_correctable_errors_total{controller=0,csrow=0} 3",
        "edac_csrow_correctable_errors_total{controller=0,csrow=unknown} 2",
        "edac_csrow_uncorrectable_errors_total{controller=0,csrow=0} 4",
        "edac_csrow_uncorrectable_errors_total{controller=0,csrow=unknown} 6",
        "edac_uncorrectable_errors_total{controller=0} 5",
    ];
    shows(&tree, Name::Edac, &expected);
    write("ue_count", "many");
    assert!(!read(&tree, Name::Edac).1);
}
