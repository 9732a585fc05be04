"""What users paid: a route that is never queued, since whoever pays wants to know now whether it was taken."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from stemhub_service.database import Transaction, rows

from .access import Access
from .idempotency import Writes
from .identity import User

router = APIRouter(prefix="/api/payments", tags=["payments"])

_PAYMENT = "id, amount_cents, currency, purpose, created_at"


class NewPayment(BaseModel):
    amount_cents: int = Field(ge=1, le=100_000_000)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    purpose: str = Field(min_length=1, max_length=200)


class Payment(NewPayment):
    id: UUID
    created_at: datetime


@router.post("", status_code=201, response_model=Payment)
async def pay(body: NewPayment, user: User, writes: Writes) -> dict:
    """Takes no assertion of the queue: the platform refuses it while it cannot be done at once."""
    writes.require_key()

    async def take(transaction: Transaction) -> dict:
        return await transaction.one(
            "INSERT INTO payments (user_id, amount_cents, currency, purpose)"
            f" VALUES (%(user)s, %(amount_cents)s, %(currency)s, %(purpose)s) RETURNING {_PAYMENT}",
            {"user": user, **body.model_dump()},
        )

    return await writes.once(user, take)


@router.get("", response_model=list[Payment])
async def list_payments(user: User, database: Access) -> list[dict]:
    sql = f"SELECT {_PAYMENT} FROM payments WHERE user_id = %(user)s ORDER BY created_at, id"
    return await database.read(rows(sql, {"user": user}))
