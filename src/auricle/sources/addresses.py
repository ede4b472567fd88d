"""Which network addresses may be fetched from."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

REFUSED = (
    IPv4Network("168.63.129.16/32"),  # a cloud's agent, reachable from inside its machines only
    IPv4Network("192.0.0.0/24"),  # protocol assignments; a cloud's metadata service among them
    IPv4Network("192.88.99.0/24"),  # relays into 6to4
)
"""Public by number only."""

_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet.

    An IPv6 address that stands for an IPv4 one (mapped, NAT64, 6to4, Teredo) is as public as
    that one. What is no IP address is not public.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(map(_is_public, _reached_by(parsed)))


def _reached_by(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The addresses where packets to `address` may end."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFF_FFFF)]
    reached: list[IPv4Address | IPv6Address] = [address]
    if address.sixtofour is not None:
        reached.append(address.sixtofour)
    if address.teredo is not None:
        reached.extend(address.teredo)
    return reached


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in REFUSED)
    )
