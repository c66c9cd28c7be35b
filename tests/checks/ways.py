"""The description of a planted way to write money."""

from dataclasses import dataclass

TRIGGER_FUNCTION = (
    "CREATE FUNCTION game.slip() RETURNS trigger LANGUAGE plpgsql {0} AS "
    "$$ BEGIN UPDATE wallet.wallet_bucket SET balance = balance + 1; RETURN NEW; END $$"
)
PLAIN = TRIGGER_FUNCTION.format("")
DEFINER = TRIGGER_FUNCTION.format("SECURITY DEFINER SET search_path = wallet, pg_temp")
SLIP = (
    "CREATE FUNCTION game.slip() RETURNS integer LANGUAGE sql "
    "SECURITY DEFINER SET search_path = wallet, pg_temp AS 'SELECT 1'"
)
ANY_NUMBER = "CREATE FUNCTION game.any_number() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'"
MIRROR = "CREATE FUNCTION game.mirror(bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1'"
SAME = (
    "CREATE FUNCTION game.same(bigint, bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT "
    "true'",
    "CREATE OPERATOR game.=== (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = game.same)",
)
COMPARE = "CREATE FUNCTION game.compare(bigint, bigint) RETURNS integer IMMUTABLE RETURN 0"
CLASS = (
    "CREATE OPERATOR CLASS game.slip_ops FOR TYPE bigint USING btree AS OPERATOR 1 <, OPERATOR 2 "
    "<=, "
    "OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 game.compare(bigint, bigint)"
)
FUNDS_VIEW = "CREATE VIEW game.funds AS SELECT * FROM wallet.wallet_bucket"
APPLY = "wallet.apply_command(wallet.command)"
EACH = "FOR EACH ROW EXECUTE FUNCTION game.slip()"


@dataclass(frozen=True)
class Way:
    """Statements that open a way to write money, the words of its report, and the undo.

    Most changes need no undo, because the test's database is dropped. Roles belong to the whole
    server, so their changes must be undone.
    """

    name: str
    words: str
    plant: tuple[str, ...]
    undo: tuple[str, ...] = ()


def way(name: str, words: str, *plant: str, undo: tuple[str, ...] = ()) -> Way:
    return Way(name, words, plant, undo)
