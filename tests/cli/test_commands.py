# SPDX-License-Identifier: MIT OR GPL-2.0-only
"""What each command asks of a VM and shows of the answer."""

import json

import pytest

from fake_vm import Failure, SILENT

SERVICES = [
    {"name": "Guest Service Interface", "enabled": False,
     "primary_status": "OK", "secondary_status": "",
     "protocol_version": None, "channel": None},
    {"name": "Heartbeat", "enabled": True, "primary_status": "OK",
     "secondary_status": "OK", "protocol_version": "3.0",
     "channel": {"relid": 3, "open": True}},
    {"name": "Key-Value Pair Exchange", "enabled": True,
     "primary_status": "OK", "secondary_status": "",
     "protocol_version": "4.0", "channel": {"relid": 4, "open": True}},
    {"name": "Shutdown", "enabled": True, "primary_status": "OK",
     "secondary_status": "", "protocol_version": "3.2",
     "channel": {"relid": 5, "open": True}},
    {"name": "Time Synchronization", "enabled": True, "primary_status": "OK",
     "secondary_status": "", "protocol_version": "4.0",
     "channel": {"relid": 6, "open": True}},
    {"name": "VSS", "enabled": True, "primary_status": "No Contact",
     "secondary_status": "", "protocol_version": None, "channel": None},
]

INFO = {"name": "demovm", "state": "running", "uptime_ms": 3725000, "vcpus": 2,
        "memory_bytes": 512 << 20, "pid": 1, "vmbus_version": "5.3",
        "heartbeat": "OK", "addresses": ["192.0.2.7", "2001:db8::7"],
        "kernel": "/k", "version": "0.1.0"}


# ---- list ----

def test_list_is_empty(lis):
    result = lis("list")
    assert (result.status, result.out) == (0, "")
    assert result.err == "No VM is running.\n"
    assert lis("list", "--json").json() == {"vms": []}


def test_list(lis):
    lis.vm({"vm.info": INFO})
    lis.vm({"vm.info": dict(INFO, name="other", state="paused", vcpus=1,
                            memory_bytes=3 << 29, uptime_ms=90061000,
                            heartbeat="Lost Communication", addresses=[])},
           name="other")
    result = lis("list")
    assert result.status == 0
    assert result.err == ""
    assert result.out.splitlines() == [
        "Name   State   CPUs MemoryAssigned Uptime      Heartbeat          "
        "IPAddresses",
        "----   -----   ---- -------------- ------      ---------          "
        "-----------",
        "demovm Running 2    512 MiB        01:02:05    OK                 "
        "192.0.2.7, 2001:db8::7",
        "other  Paused  1    1.5 GiB        1d 01:01:01 Lost Communication",
    ]


def test_list_json(lis):
    lis.vm({"vm.info": INFO})
    assert lis("list", "--json").json() == {"vms": [INFO]}


def test_list_names(lis):
    lis.vm({"vm.info": INFO})
    lis.vm({"vm.info": dict(INFO, name="a")}, name="a")
    assert lis("list", "--names").out == "a\ndemovm\n"


def test_list_passes_over_what_does_not_run(lis):
    lis.vm({"vm.info": INFO})
    lis.vm(name="killed").close()
    (lis.folder / "notes.txt").write_text("")
    (lis.folder / "bad name.sock").write_text("")
    (lis.folder / "demovm.lock").write_text("")
    (lis.folder / "carrier").mkdir()
    assert lis("list", "--names").out == "demovm\n"


def test_list_vm_that_ends_meanwhile(lis):
    def end(connection, _request):
        connection.close()
        return SILENT

    lis.vm({"vm.info": end})
    assert lis("list", "--json").json() == {"vms": []}


def test_list_vm_that_speaks_nonsense(lis):
    def nonsense(connection, _request):
        connection.send_bytes(b"?\n")
        return SILENT

    lis.vm({"vm.info": nonsense})
    assert lis("list").out.splitlines()[2] == "demovm Unresponsive"


# ---- services, enable, disable ----

def test_services(lis):
    vm = lis.vm({"vm.services": {"services": SERVICES}})
    result = lis("services", "demovm")
    assert result.status == 0
    assert result.out == """\
VMName      Name                    Enabled PrimaryStatusDescription \
SecondaryStatusDescription
------      ----                    ------- ------------------------ \
--------------------------
demovm      Guest Service Interface False   OK
demovm      Heartbeat               True    OK                       OK
demovm      Key-Value Pair Exchange True    OK
demovm      Shutdown                True    OK
demovm      Time Synchronization    True    OK
demovm      VSS                     True    No Contact
"""
    assert vm.requests == [("vm.services", None)]


def test_services_json(lis):
    lis.vm({"vm.services": {"services": SERVICES}})
    assert lis("--json", "services", "demovm").status == 2
    assert lis("services", "--json", "demovm").json() == {
        "vm": "demovm", "services": SERVICES}


@pytest.mark.parametrize("given, name", [
    ("heartbeat", "Heartbeat"), ("HEARTBEAT", "Heartbeat"),
    ("guest service interface", "Guest Service Interface"),
    ("fcopy", "Guest Service Interface"), ("kvp", "Key-Value Pair Exchange"),
    ("timesync", "Time Synchronization"), ("vss", "VSS"),
    ("shutdown", "Shutdown"),
])
@pytest.mark.parametrize("verb", ["enable", "disable"])
def test_switch(lis, verb, given, name):
    vm = lis.vm({"vm." + verb: {"changed": True}})
    result = lis(verb, "demovm", given)
    assert result.status == 0
    assert result.out == "demovm: %s is now %sd\n" % (name, verb)
    assert vm.requests == [("vm." + verb, {"service": name})]


def test_switch_without_change(lis):
    lis.vm({"vm.enable": {"changed": False}})
    assert lis("enable", "demovm", "vss").out == (
        "demovm: VSS was already enabled\n")
    assert lis("enable", "demovm", "vss", "--json").json() == {
        "vm": "demovm", "service": "VSS", "changed": False}


def test_switch_of_nothing(lis):
    vm = lis.vm({"vm.enable": {"changed": False}})
    result = lis("enable", "demovm", "beat")
    assert result.status == 2
    assert 'there is no service "beat"' in result.err
    assert not vm.requests


# ---- stop, restart, pause, resume, nmi ----

STOP = {"force": False, "timeout_ms": 60000}


@pytest.mark.parametrize("arguments, params, said", [
    (["stop"], dict(STOP, mode="shutdown"), "has shut down"),
    (["stop", "--turn-off"], dict(STOP, mode="turn-off"), "is turned off"),
    (["stop", "--restart"], dict(STOP, mode="restart"), "restarts"),
    (["stop", "--hibernate"], dict(STOP, mode="hibernate"), "hibernates"),
    (["restart"], dict(STOP, mode="restart"), "restarts"),
    (["stop", "--force", "--timeout", "5"],
     {"mode": "shutdown", "force": True, "timeout_ms": 5000},
     "has shut down"),
    (["restart", "-f", "-t", "5", "--reason", "kernel \u00fcpdate"],
     {"mode": "restart", "force": True, "timeout_ms": 5000,
      "reason": "kernel \u00fcpdate"}, "restarts"),
])
def test_stop(lis, arguments, params, said):
    vm = lis.vm({"vm.stop": {"state": "stopped"}})
    result = lis(*arguments, "demovm")
    assert (result.status, result.out) == (0, "demovm %s\n" % said)
    assert vm.requests == [("vm.stop", params)]


def test_stop_json(lis):
    lis.vm({"vm.stop": {"state": "stopped"}})
    assert lis("stop", "demovm", "--json").json() == {
        "vm": "demovm", "state": "stopped"}


def test_stop_in_two_ways(lis):
    result = lis("stop", "demovm", "--turn-off", "--restart")
    assert result.status == 2
    assert "--turn-off and --restart exclude each other" in result.err


def test_stop_when_shutdown_is_disabled(lis):
    lis.vm({"vm.stop": Failure("disabled", "Shutdown is disabled; enable it "
                               "with: lis enable demovm shutdown")})
    result = lis("stop", "demovm")
    assert result.status == 1
    assert "lis enable demovm shutdown" in result.err


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "5s", "86401",
                                  "99999999999999999999"])
def test_bad_timeouts(lis, text):
    for command in ("stop", "restart", "freeze", "thaw"):
        result = lis(command, "demovm", "--timeout=" + text)
        assert result.status == 2
        assert "is not a number of seconds" in result.err


def test_reason_that_is_no_text(lis):
    result = lis("stop", "demovm", "--reason", b"\xff")
    assert result.status == 2
    assert "not UTF-8" in result.err


@pytest.mark.parametrize("command, said", [
    ("pause", "demovm is paused"), ("resume", "demovm runs again"),
    ("nmi", "demovm: the interrupt was sent")])
def test_simple(lis, command, said):
    vm = lis.vm({"vm." + command: {}})
    result = lis(command, "demovm")
    assert (result.status, result.out) == (0, said + "\n")
    assert vm.requests == [("vm." + command, None)]
    assert lis(command, "demovm", "--json").json() == {"vm": "demovm"}


def test_nmi_when_paused(lis):
    lis.vm({"vm.nmi": Failure("not-running", "the VM is paused; resume it "
                              "with: lis resume demovm")})
    result = lis("nmi", "demovm", "--json")
    assert result.status == 1
    assert result.error()["reason"] == "not-running"


# ---- freeze, thaw ----

def test_freeze_and_thaw(lis):
    vm = lis.vm({"vss.check": {}, "vss.freeze": {}, "vss.thaw": {}})
    assert lis("freeze", "demovm", "--check").out == (
        "demovm: the guest's file systems can be frozen\n")
    assert lis("freeze", "demovm", "-t", "7").out == (
        "demovm: the guest's file systems are frozen\n")
    assert lis("thaw", "demovm").out == (
        "demovm: the guest's file systems are thawed\n")
    assert vm.requests == [
        ("vss.check", {"timeout_ms": 60000}),
        ("vss.freeze", {"timeout_ms": 7000, "keep": True}),
        ("vss.thaw", {"timeout_ms": 60000})]


def test_freeze_without_daemon(lis):
    lis.vm({"vss.freeze": Failure("no-daemon", "hv_vss_daemon does not run "
                                  "in the guest; start it there")})
    result = lis("freeze", "demovm")
    assert result.status == 1
    assert "hv_vss_daemon" in result.err


# ---- kvp ----

AUTO = [{"key": "OSName", "value": "Debian GNU/Linux", "type": "string"},
        {"key": "FullyQualifiedDomainName", "value": "d\u00e9mo",
         "type": "string"}]
GUEST = [{"key": "answer", "value": "42", "type": "u32"}]


def enumerate_pools(pools):
    """A kvp.enumerate with these items."""
    def answer(_connection, request):
        return {"items": pools.get(request["params"]["pool"], [])}
    return answer


def test_kvp_show(lis):
    vm = lis.vm({"kvp.enumerate": enumerate_pools({"auto": AUTO,
                                                   "guest": GUEST})})
    expected = [
        "Pool  Key                      Value",
        "----  ---                      -----",
        "auto  OSName                   Debian GNU/Linux",
        "auto  FullyQualifiedDomainName d\u00e9mo",
        "guest answer                   42"]
    assert lis("kvp", "demovm").out.splitlines() == expected
    assert lis("kvp", "demovm", "show").out.splitlines() == expected
    assert vm.requests[:2] == [("kvp.enumerate", {"pool": "auto"}),
                               ("kvp.enumerate", {"pool": "guest"})]


def test_kvp_show_json(lis):
    lis.vm({"kvp.enumerate": enumerate_pools({"guest": GUEST})})
    assert lis("kvp", "demovm", "--json").json() == {
        "vm": "demovm", "items": [dict(GUEST[0], pool="guest")]}


@pytest.mark.parametrize("pool", ["external", "guest", "auto", "auto-external",
                                  "auto-internal"])
def test_kvp_one_pool(lis, pool):
    vm = lis.vm({"kvp.enumerate": {"items": []}, "kvp.get": GUEST[0],
                 "kvp.set": {}, "kvp.remove": {"removed": True}})
    assert lis("kvp", "demovm", "--pool", pool).status == 0
    assert lis("kvp", "demovm", "get", "k", "--pool", pool).status == 0
    assert lis("kvp", "demovm", "set", "k", "v", "-p", pool).status == 0
    assert lis("kvp", "demovm", "remove", "k", "-p", pool).status == 0
    assert [params["pool"] for _, params in vm.requests] == [pool] * 4


def test_kvp_all_pools(lis):
    vm = lis.vm({"kvp.enumerate": {"items": []}})
    assert lis("kvp", "demovm", "--pool", "all").status == 0
    assert [params["pool"] for _, params in vm.requests] == [
        "auto", "guest", "external", "auto-external", "auto-internal"]


def test_kvp_many_items(lis):
    items = [{"key": "key%d" % i, "value": "\u4e2d" * 1023, "type": "string"}
             for i in range(1000)]
    lis.vm({"kvp.enumerate": enumerate_pools({"guest": items})})
    shown = lis("kvp", "demovm", "--json").json()["items"]
    assert shown == [dict(item, pool="guest") for item in items]


def test_kvp_guest_cannot_steer_the_terminal(lis):
    lis.vm({"kvp.enumerate": enumerate_pools(
        {"auto": [{"key": "a\x1b[2J", "value": "b\r\n\u202ec\u0085"}]})})
    assert lis("kvp", "demovm").out.splitlines()[2] == (
        "auto a\\x1b[2J b\\x0d\\x0a\\u202ec\\x85")


def test_kvp_get(lis):
    vm = lis.vm({"kvp.get": AUTO[1]})
    result = lis("kvp", "demovm", "get", "FullyQualifiedDomainName")
    assert (result.status, result.out) == (0, "d\u00e9mo\n")
    assert vm.requests == [("kvp.get", {
        "pool": "auto", "key": "FullyQualifiedDomainName"})]
    assert lis("kvp", "demovm", "get", "x", "--json").json() == dict(
        AUTO[1], vm="demovm", pool="auto")


def test_kvp_get_number(lis):
    lis.vm({"kvp.get": {"key": "n", "value": 1 << 60, "type": "u64"}})
    assert lis("kvp", "demovm", "get", "n").out == "%d\n" % (1 << 60)


def test_kvp_get_looks_through_pools(lis):
    def answer(_connection, request):
        if request["params"]["pool"] == "external":
            return GUEST[0]
        return Failure("not-found", "there is no such key")

    vm = lis.vm({"kvp.get": answer})
    assert lis("kvp", "demovm", "get", "answer").out == "42\n"
    assert [params["pool"] for _, params in vm.requests] == [
        "auto", "guest", "external"]


def test_kvp_get_of_nothing(lis):
    lis.vm({"kvp.get": Failure("not-found", "there is no such key")})
    result = lis("kvp", "demovm", "get", "answer", "--json")
    assert result.status == 1
    assert result.error()["reason"] == "not-found"


def test_kvp_get_value_for_a_program_and_for_a_terminal(lis):
    lis.vm({"kvp.get": {"key": "k", "value": "\x1b[31mred",
                        "type": "string"}})
    assert lis("kvp", "demovm", "get", "k").out == "\x1b[31mred\n"
    terminal = lis.terminal("kvp", "demovm", "get", "k")
    assert terminal.end() == 0
    assert terminal.seen == b"\\x1b[31mred\r\n"


@pytest.mark.parametrize("arguments, changed", [
    ([], {}),
    (["--add"], {"must_be_new": True}),
    (["--modify"], {"must_exist": True}),
    (["--type", "u32"], {"type": "u32"}),
    (["--type", "u64"], {"type": "u64"}),
])
def test_kvp_set(lis, arguments, changed):
    vm = lis.vm({"kvp.set": {}})
    result = lis("kvp", "demovm", "set", "key", "7", *arguments)
    assert (result.status, result.out) == (0, "demovm: set in pool external\n")
    assert vm.requests == [("kvp.set", dict(
        {"pool": "external", "key": "key", "value": "7", "type": "string",
         "must_exist": False, "must_be_new": False}, **changed))]


def test_kvp_set_value_like_an_option(lis):
    vm = lis.vm({"kvp.set": {}})
    assert lis("kvp", "demovm", "set", "--", "key", "--value").status == 0
    assert vm.requests[0][1]["value"] == "--value"


def test_kvp_set_too_long(lis):
    lis.vm({"kvp.set": Failure("too-long", "a value has at most 1023 UTF-16 "
                               "units")})
    result = lis("kvp", "demovm", "set", "k", "v" * 3000)
    assert result.status == 1
    assert "1023" in result.err


@pytest.mark.parametrize("removed, said", [(True, "removed from"),
                                           (False, "was not in")])
def test_kvp_remove(lis, removed, said):
    vm = lis.vm({"kvp.remove": {"removed": removed}})
    result = lis("kvp", "demovm", "remove", "key")
    assert (result.status, result.out) == (
        0, "demovm: %s pool external\n" % said)
    assert vm.requests == [("kvp.remove", {"pool": "external", "key": "key"})]


@pytest.mark.parametrize("arguments, said", [
    (["forget", "k"], "is none of show, get, set and remove"),
    (["get"], "get takes 1 argument\n"),
    (["set", "k"], "set takes 2 arguments"),
    (["remove", "a", "b"], "remove takes 1 argument\n"),
    (["show", "b"], "show takes 0 arguments"),
    (["--pool", "swimming"], 'there is no pool "swimming"'),
    (["get", "k", "--pool", "x"], "there is no pool"),
    (["set", "k", "v", "--pool", "all"], "there is no pool"),
    (["remove", "k", "--pool", "x"], "there is no pool"),
    (["set", "k", "v", "--type", "float"], 'there is no type "float"'),
    (["set", "k", "v", "--add", "--modify"], "exclude each other"),
    (["set", b"\xff", "v"], "not UTF-8"),
    (["get", b"\xff"], "not UTF-8"),
    (["remove", b"\xff"], "not UTF-8"),
])
def test_kvp_usage(lis, arguments, said):
    vm = lis.vm()
    result = lis("kvp", "demovm", *arguments)
    assert result.status == 2
    assert said in result.err
    assert not vm.requests


# ---- ip ----

ADDRESS = {"adapter": "00:15:5d:00:00:01", "dhcp": False, "family": "both",
           "addresses": ["192.0.2.7", "2001:db8::7"],
           "subnets": ["255.255.255.0", "64"], "gateways": ["192.0.2.1"],
           "dns": []}


def test_ip_show(lis):
    vm = lis.vm({"ip.get": ADDRESS})
    result = lis("ip", "demovm", "--adapter", "00:15:5d:00:00:01")
    assert result.status == 0
    assert result.out == """\
adapter    00:15:5d:00:00:01
dhcp       off
family     both
address    192.0.2.7
           2001:db8::7
subnet     255.255.255.0
           64
gateway    192.0.2.1
"""
    assert vm.requests == [("ip.get", {"adapter": "00:15:5d:00:00:01"})]


def test_ip_show_json(lis):
    vm = lis.vm({"ip.get": ADDRESS})
    assert lis("ip", "demovm", "show", "-a", "m", "--json").json() == dict(
        ADDRESS, vm="demovm")
    assert vm.requests == [("ip.get", {"adapter": "m"})]


SET = {"adapter": "{guid}", "dhcp": False, "addresses": [], "subnets": [],
       "gateways": [], "dns": []}


@pytest.mark.parametrize("arguments, changed", [
    (["--dhcp"], {"dhcp": True, "family": "both"}),
    (["--address", "192.0.2.7/24"],
     {"addresses": ["192.0.2.7"], "subnets": ["255.255.255.0"],
      "family": "ipv4"}),
    (["--address", "2001:db8::7/64", "--dns", "2001:db8::53"],
     {"addresses": ["2001:db8::7"], "subnets": ["64"],
      "dns": ["2001:db8::53"], "family": "ipv6"}),
    (["--address", "10.0.0.1/0", "--address", "10.0.0.2/32", "--address",
      "10.0.0.3/17", "--address", "::1/128", "--gateway", "10.0.0.254",
      "--gateway", "fe80::1", "--dns", "9.9.9.9"],
     {"addresses": ["10.0.0.1", "10.0.0.2", "10.0.0.3", "::1"],
      "subnets": ["0.0.0.0", "255.255.255.255", "255.255.128.0", "128"],
      "gateways": ["10.0.0.254", "fe80::1"], "dns": ["9.9.9.9"],
      "family": "both"}),
])
def test_ip_set(lis, arguments, changed):
    vm = lis.vm({"ip.set": {}})
    result = lis("ip", "demovm", "set", "--adapter", "{guid}", *arguments)
    assert (result.status, result.out) == (
        0, "demovm: the guest has set its adapter\n")
    assert vm.requests == [("ip.set", dict(SET, **changed))]


@pytest.mark.parametrize("arguments, said", [
    (["reset"], "is none of show and set"),
    ([], "show needs --adapter"),
    (["set", "--dhcp"], "set needs --adapter"),
    (["set", "--adapter", "x"], "either --dhcp or at least one --address"),
    (["set", "--adapter", "x", "--dhcp", "--address", "10.0.0.1/8"],
     "either --dhcp or at least one --address"),
    (["set", "--adapter", "x", "--address", "10.0.0.1"], "192.0.2.7/24"),
    (["set", "--adapter", "x", "--address", "10.0.0.1/33"], "192.0.2.7/24"),
    (["set", "--adapter", "x", "--address", "10.0.0.1/-1"], "192.0.2.7/24"),
    (["set", "--adapter", "x", "--address", "::1/129"], "192.0.2.7/24"),
    (["set", "--adapter", "x", "--address", "::1/"], "192.0.2.7/24"),
    (["set", "--adapter", "x", "--address", "10.0.0/8"], "192.0.2.7/24"),
    (["set", "--adapter", "x", "--address", "1" * 200 + "/8"],
     "192.0.2.7/24"),
    (["set", "--adapter", "x", "--dhcp", "--dns", "one.one"],
     "--dns: \"one.one\" is not an IP address"),
    (["set", "--adapter", "x", "--dhcp", "--gateway", "10.0.0.1/8"],
     "--gateway: \"10.0.0.1/8\" is not an IP address"),
    (["set", "--adapter", b"\xff", "--dhcp"], "not UTF-8"),
    (["--adapter", b"\xff"], "not UTF-8"),
])
def test_ip_usage(lis, arguments, said):
    vm = lis.vm()
    result = lis("ip", "demovm", *arguments)
    assert result.status == 2
    assert said in result.err
    assert not vm.requests


# ---- all of them ----

def test_json_error_of_a_name_that_is_no_text(lis):
    result = lis("nmi", "--json", b"\xff")
    assert result.status == 2
    assert result.error()["vm"] == "\\xff"
    json.dumps(result.error())
