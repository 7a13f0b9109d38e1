"""Answers and pushes have the fields that the venue's documents list. The lists are of its pages of 2025 and 2026."""

from typing import Any

from cadenza.simulators.okx.server import OkxSimulator

from .trader import OkxTrader, logged_in, opened

ORDER = """
accFillSz algoClOrdId algoId attachAlgoClOrdId attachAlgoOrds avgPx cTime cancelSource cancelSourceReason category ccy
clOrdId fee feeCcy fillPx fillSz fillTime instId instType isTpLimit lever linkedAlgoOrd ordId ordType pnl posSide px
pxType pxUsd pxVol quickMgnType rebate rebateCcy reduceOnly side slOrdPx slTriggerPx slTriggerPxType source state stpId
stpMode sz tag tdMode tgtCcy tpOrdPx tpTriggerPx tpTriggerPxType tradeId uTime
"""
ORDER_PUSH = """
accFillSz algoClOrdId algoId amendResult amendSource attachAlgoOrds avgPx cTime cancelSource category ccy clOrdId code
execType fee feeCcy fillFee fillFeeCcy fillFwdPx fillIdxPx fillMarkPx fillMarkVol fillNotionalUsd fillPnl fillPx
fillPxUsd fillPxVol fillSz fillTime instId instType isTpLimit lastPx lever linkedAlgoOrd msg notionalUsd ordId ordType
pnl posSide px pxType pxUsd pxVol quickMgnType rebate rebateCcy reduceOnly reqId side slOrdPx slTriggerPx
slTriggerPxType source state stpId stpMode sz tag tdMode tgtCcy tpOrdPx tpTriggerPx tpTriggerPxType tradeId uTime
"""
FILL = """
billId clOrdId execType fee feeCcy feeRate fillFwdPx fillIdxPx fillMarkPx fillMarkVol fillPnl fillPx fillPxUsd fillPxVol
fillSz fillTime instId instType ordId posSide side subType tag tradeId ts
"""
ALGO = """
activePx actualPx actualSide actualSz algoClOrdId algoId amendPxOnTriggerType attachAlgoOrds cTime callbackRatio
callbackSpread ccy clOrdId closeFraction failCode instId instType last lever linkedOrd moveTriggerPx ordId ordIdList
ordPx ordType posSide quickMgnType reduceOnly side slOrdPx slTriggerPx slTriggerPxType state sz tag tdMode tgtCcy
tpOrdPx tpTriggerPx tpTriggerPxType triggerPx triggerPxType triggerTime uTime
"""
ACCOUNT = """
adjEq borrowFroz details imr isoEq mgnRatio mmr notionalUsd notionalUsdForBorrow notionalUsdForFutures
notionalUsdForOption notionalUsdForSwap ordFroz totalEq uTime upl
"""
DETAIL = """
availBal availEq borrowFroz cashBal ccy crossLiab disEq eq eqUsd fixedBal frozenBal imr interest isoEq isoLiab isoUpl
liab maxLoan mgnRatio mmr notionalLever ordFrozen rewardBal spotInUseAmt spotIsoBal stgyEq twap uTime upl uplLiab
"""
POSITION = """
adl availPos avgPx baseBal bePx cTime ccy closeOrderAlgo fee fundingFee idxPx imr instId instType interest last lever
liab liabCcy liqPenalty liqPx margin markPx mgnMode mgnRatio mmr notionalUsd optVal pendingCloseOrdLiabVal pnl pos
posCcy posId posSide quoteBal realizedPnl spotInUseAmt spotInUseCcy tradeId uTime upl uplLastPx uplRatio usdPx
"""
CONFIG = """
acctLv acctStpMode autoLoan ctIsoMode enableSpotBorrow feeType greeksType ip kycLv label level levelTmp liquidationGear
mainUid mgnIsoMode opAuth perm posMode roleType settleCcy settleCcyList spotBorrowAutoRepay spotOffsetType spotRoleType
spotTraderInsts stgyType traderInsts type uid
"""
INSTRUMENT = """
alias auctionEndTime baseCcy category ctMult ctType ctVal ctValCcy expTime instFamily instId instIdCode instType lever
listTime lotSz maxIcebergSz maxLmtAmt maxLmtSz maxMktAmt maxMktSz maxStopSz maxTriggerSz maxTwapSz minSz optType
quoteCcy ruleType settleCcy state stk tickSz tradeQuoteCcyList uly
"""
TICKER = """
askPx askSz bidPx bidSz high24h instId instType last lastSz low24h open24h sodUtc0 sodUtc8 ts vol24h volCcy24h
"""


def lacking(row: dict[str, Any], documented: str) -> set[str]:
    """Return the documented fields that a row does not have. All but lists, flags and objects are texts."""
    for name, value in row.items():
        assert isinstance(value, str | bool | list | dict) or name == "instIdCode", (name, value)
    return set(documented.split()) - row.keys()


async def test_answers(trader: OkxTrader) -> None:
    await trader.place(ordType="market", px=None, sz="100")
    await trader.swap("buy")
    fields = {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "sell", "ordType": "trigger", "sz": "1"}
    await trader.post("trade/order-algo", fields | {"triggerPx": "61000", "orderPx": "-1"})
    for path, documented in (
        ("trade/orders-history?instType=SPOT", ORDER),
        ("trade/fills?instType=SWAP", FILL),
        ("trade/orders-algo-pending?ordType=trigger", ALGO),
        ("account/balance?ccy=BTC", ACCOUNT),
        ("account/positions", POSITION),
        ("account/config", CONFIG),
        ("public/instruments?instType=OPTION", INSTRUMENT),
        ("market/ticker?instId=BTC-USDT", TICKER),
    ):
        target = f"/api/v5/{path}"
        (row, *_) = (await trader.send("GET", target, trader.headers("GET", target))).data
        assert lacking(row, documented) == set(), path
        for detail in row.get("details", ()):
            assert lacking(detail, DETAIL) == set()


async def test_pushes(simulator: OkxSimulator, trader: OkxTrader) -> None:
    async with logged_in(simulator) as socket:
        for arg in (
            {"channel": "orders", "instType": "ANY"},
            {"channel": "positions", "instType": "ANY"},
            {"channel": "account"},
        ):
            await socket.send({"op": "subscribe", "args": [arg]})
        await socket.data("account")
        await trader.swap("buy")
        assert lacking((await socket.data("orders"))["data"][0], ORDER_PUSH) == set()
        assert lacking((await socket.data("orders"))["data"][0], ORDER_PUSH) == set()
        assert lacking((await socket.data("positions"))["data"][0], POSITION) == set()
        pushed = await socket.data("account")
        assert lacking(pushed["data"][0], ACCOUNT) == set()
        assert lacking(pushed["data"][0]["details"][0], DETAIL) == set()
        assert pushed["arg"]["uid"] == (await trader.get("account/config")).row["uid"]
    async with opened(f"{simulator.stream_url}/public") as socket:
        await socket.subscribe(channel="tickers", instId="BTC-USDT")
        assert lacking((await socket.data("tickers"))["data"][0], TICKER) == set()
