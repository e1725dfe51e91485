"""A policy as this machine lets it be followed: in the memory and with the descriptors there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy import descriptors, memory

if TYPE_CHECKING:
    from proxy.policy import Policy


def on_this_machine(policy: Policy) -> Policy:
    """Return the policy with what would not fit cut down, and raise what the process is allowed.

    Looks at files. What is cut down is logged.

    Raises:
        BadConfig: there is too little for it.
    """
    granted = descriptors.allow(descriptors.wanted(policy))
    return memory.followed(descriptors.within(policy, granted))
