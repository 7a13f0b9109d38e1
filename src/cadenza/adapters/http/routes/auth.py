"""Users and sessions."""

from cadenza.adapters.http.endpoint import HttpCall
from cadenza.wire import auth as wire
from cadenza.wire.envelope import Success


async def sign_up(call: HttpCall, asked: wire.AuthSignupRequest) -> Success[wire.AuthUser]:
    user = await call.use_cases.sign_up(
        email=asked.email,
        password=asked.password,
        metadata=asked.facts(),
        client=call.client,
        invitation=asked.invitation(),
    )
    return Success(data=wire.auth_user(user))


async def log_in(call: HttpCall, asked: wire.AuthLoginRequest) -> Success[wire.AuthSession]:
    session = await call.use_cases.log_in(
        email=asked.email, password=asked.password, client=call.client, request_id=call.request_id
    )
    return Success(data=wire.auth_session(session))


async def log_out(call: HttpCall, asked: None) -> Success[str]:
    await call.use_cases.log_out(call.actor)
    return Success(data="ok")


async def refresh(call: HttpCall, asked: wire.AuthRefreshTokenRequest) -> Success[wire.AuthSession]:
    return Success(data=wire.auth_session(await call.use_cases.refresh_session(asked.refresh_token)))


async def get_user(call: HttpCall, asked: None) -> Success[wire.AuthUser]:
    return Success(data=wire.auth_user(await call.use_cases.get_user(call.actor)))


async def update_user(call: HttpCall, asked: wire.AuthUpdateUserRequest) -> Success[wire.AuthUser]:
    metadata = None if asked.metadata is None else wire.checked_metadata(asked.metadata)
    user = await call.use_cases.update_user(call.actor, email=asked.email, password=asked.password, metadata=metadata)
    return Success(data=wire.auth_user(user))


async def recover(call: HttpCall, asked: wire.AuthRecoverRequest) -> Success[str]:
    await call.use_cases.recover(email=asked.email, client=call.client)
    return Success(data="ok")
