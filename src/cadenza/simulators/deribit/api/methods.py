"""All methods, by name."""

from __future__ import annotations

from cadenza.simulators.deribit.api.access_methods import ACCESS_METHODS
from cadenza.simulators.deribit.api.account_methods import ACCOUNT_METHODS
from cadenza.simulators.deribit.api.lookup_methods import LOOKUP_METHODS
from cadenza.simulators.deribit.api.public_methods import PUBLIC_METHODS
from cadenza.simulators.deribit.api.subscriptions import SUBSCRIPTION_METHODS
from cadenza.simulators.deribit.api.trading_methods import TRADING_METHODS

METHODS = {
    method.name: method
    for method in (
        *ACCESS_METHODS,
        *PUBLIC_METHODS,
        *SUBSCRIPTION_METHODS,
        *TRADING_METHODS,
        *LOOKUP_METHODS,
        *ACCOUNT_METHODS,
    )
}
