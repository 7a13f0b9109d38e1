"""The text of `cadenza simulate all`: the command that starts the platform with the simulators, and lines of shell that
connect every account and buy with it."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from cadenza.runtime.simulating.all_simulators import PAPER, FirstOrder, ShownVenue, all_running
from cadenza.runtime.simulating.settings import CommonSettings


@asynccontextmanager
async def all_with_first_orders(
    settings: Callable[[str], CommonSettings], host: str, ports: Mapping[str, int], directory: Path
) -> AsyncIterator[str]:
    """Run all simulators, as `all_running` does, and give the text. Their keys and ledgers are in `directory`."""
    async with all_running(settings, host, ports) as shown:
        yield text_of_all(shown, directory)


def text_of_all(shown: Sequence[ShownVenue], directory: Path) -> str:
    """Return where the simulators are and which accounts trade there, the command that starts the platform with them,
    and the lines that connect every account and buy with it."""
    names = ",".join(["PAPER", "MOCK", *(each.name for each in shown)])
    return "\n".join(
        [
            f"Simulated venues: nothing here is real. Ctrl-C stops all. Keys and ledgers are in {directory}.",
            *(f"  {each.name:12}  {each.url}  {', '.join(each.buys)}" for each in shown),
            "Start the platform with them, in a second terminal:",
            f"  CADENZA_VENUES={names} \\",
            *(f"  CADENZA_{each.name}_URL={each.url} \\" for each in shown),
            "  make run",
            "Place an order with every account, in a third one: paste what follows. It buys 0.01 of a pair, a",
            "perpetual or an option, on PAPER too; MOCK follows a client's script (docs/venues/mock.md), so nothing is",
            "bought there. Each order is FILLED, but for OKX's options: it takes no MARKET orders of them, and a LIMIT",
            "order rests (ACCEPTED).",
            _PRELUDE,
            *(line for each in (PAPER, *shown) for line in _lines_of(each)),
            'send "$API/tradingAccount/portfolio/list"',
        ]
    )


def _lines_of(venue: ShownVenue) -> list[str]:
    buys = [f"buy {type} {venue.name}:{_bought(order)}" for type, order in venue.buys.items()]
    return [f"key {_quoted(json.dumps(venue.credential))}", *buys]


def _bought(order: FirstOrder) -> str:
    """Return the instrument, and how it is bought where that is not by a MARKET order."""
    if order.limit_price is None:
        return order.instrument
    terms = f'"orderType": "LIMIT", "limitPrice": "{order.limit_price}"'
    return f"{order.instrument} {_quoted(terms)}"


def _quoted(text: str) -> str:
    """Return a text without quotation marks of this kind as one word of a shell."""
    return f"'{text}'"


_PRELUDE = r"""
API=http://127.0.0.1:8000/api/v3
LOGIN='{"email": "me@example.com", "password": "correct horse battery"}'
TOKEN=none
MARKET='"orderType": "MARKET", "awaitClosed": true'
send() { curl -sS -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' "$@"; echo; }
pick() { grep -o "\"$1\": *\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }
ask() {
  if [ -z "$ERROR" ]; then
    REPLY=$(send "$API/$1" -d "$2")
    [ -n "$REPLY" ] && ERROR=$(echo "$REPLY" | pick error) || ERROR="no answer"
  fi
}
key() {
  ERROR=
  ask credential/create "$1"
  KEY="\"credentialIds\": [\"$(echo "$REPLY" | pick credentialId)\"]"
  ask credential/verify "{$KEY}"
  REACHED=$REPLY CANNOT=$ERROR
}
buy() {
  ERROR=$CANNOT
  ACCOUNT=$(echo "$REACHED" | tr '{' '\n' | grep "\"accountType\": *\"$1\"" | pick externalTradingAccountId)
  [ -n "$ACCOUNT" ] || ERROR=${ERROR:-"the key reaches no such account"}
  ask tradingAccount/connect "{$KEY, \"externalTradingAccountId\": \"$ACCOUNT\"}"
  ACCOUNT=$(echo "$REPLY" | pick tradingAccountId)
  ask tradeOrder/submit "{\"tradingAccountId\": \"$ACCOUNT\", \"instrumentId\": \"$2\",
    \"orderSide\": \"BUY\", \"quantity\": \"0.01\", ${3:-$MARKET}}"
  REASON=$(echo "$REPLY" | pick rejectReason)
  echo "$1 $2 ${ERROR:-$(echo "$REPLY" | pick status)${REASON:+ $REASON}}"
}
send $API/auth/signup -d "$LOGIN"
TOKEN=$(send $API/auth/login -d "$LOGIN" | pick accessToken)""".strip()
"""As in the README's first trade. `ask` asks nothing more once there is an ERROR, so the line of an account ends with
the first one."""
