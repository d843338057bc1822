"""Where webhooks may go, in every form an address can be written."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidInput
from app.webhooks.destinations import Allowed, check_url, is_public, may_connect, read_allowed

NOBODY = Allowed()
NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1111%1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "192.0.1.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
    "2001:4860:4860::8888",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_on_the_open_internet_is_not_connected_to(address: str) -> None:
    assert not is_public(ip_address(address))
    assert not may_connect("crm.example", address, NOBODY)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_connected_to(address: str) -> None:
    assert may_connect("crm.example", address, NOBODY)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "0x7f.1", "1"])
def test_numbers_the_system_would_read_as_addresses_are_refused_where_they_are_written(host: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_url(f"https://{host}/hooks", NOBODY)
    assert refused.value.code == "webhook_destination_refused"
    assert not may_connect(host, host, NOBODY)


@given(st.ip_addresses(v=4))
def test_no_way_to_carry_an_ipv4_address_inside_an_ipv6_one_is_public(address: object) -> None:
    inside = int(address)  # type: ignore[call-overload]
    forms = (inside, 0xFFFF << 32 | inside, 0x64FF9B << 96 | inside, 0x2002 << 112 | inside << 80)
    assert not any(is_public(ip_address(form.to_bytes(16))) for form in forms)


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example/hooks",
        "https://crm.example:8080/hooks",
        "https://crm.example:22/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[::ffff:169.254.169.254]/latest",
    ],
)
def test_other_schemes_ports_and_addresses_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_url(url, NOBODY)
    assert refused.value.code == "webhook_destination_refused"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "crm.example",
        "ftp://crm.example/",
        "https://",
        "https:///hooks",
        "https://user:password@crm.example/",
        "https://crm.example@127.0.0.1/",
        "https://crm.example/#part",
        "https://crm.example:0/",
        "https://crm.example:99999/",
        "https://crm.example:x/",
        "https://crm.example/a b",
        "https://crm.example/\r\nHost: other",
        "https://crm.example\\@127.0.0.1/",
        "https://bücher.example/",
        "https://[::1/",
        "https://crm.example/\x00",
    ],
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_url(url, NOBODY)
    assert refused.value.code == "webhook_url_invalid"


@pytest.mark.parametrize("url", ["https://crm.example/hooks?a=1", "https://crm.example:8443/", "https://1.1.1.1/x"])
def test_https_to_public_places_is_taken(url: str) -> None:
    assert check_url(url, NOBODY) == url


def test_the_list_names_hosts_and_networks() -> None:
    allowed = read_allowed(" CRM.internal, 10.1.0.0/16 ,192.168.7.7, fd00::/8,")
    for url in ("http://crm.internal:8080/", "http://10.1.2.3:9000/", "http://192.168.7.7/", "http://[fd00::1]/"):
        assert check_url(url, allowed) == url
    assert may_connect("crm.internal", "172.16.0.1", allowed)
    assert may_connect("crm.example", "10.1.255.255", allowed)
    assert not may_connect("crm.example", "10.2.0.1", allowed)
    with pytest.raises(InvalidInput):
        check_url("http://10.2.0.1/", allowed)


def test_an_empty_list_names_nothing() -> None:
    assert read_allowed("") == NOBODY


def test_a_network_with_host_bits_is_a_mistake_and_told() -> None:
    with pytest.raises(ValueError, match=r"SWITCHBOARD_WEBHOOK_ALLOWED_DESTINATIONS: .*host bits"):
        read_allowed("10.1.2.3/16")
