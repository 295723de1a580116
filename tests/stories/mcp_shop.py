"""Owns an MCP server before the shop, as `python -m tests.stories.mcp_shop ADDRESS` on stdio."""

import sys

import httpx
from mcp.server.fastmcp import FastMCP


def serve(address: str) -> None:
    """Serve one tool on standard input and output until they are closed."""
    server = FastMCP("shop", log_level="ERROR")

    @server.tool()
    def pay_back(order_id: str, amount: str, api_key: str) -> str:
        """Pay back an amount on an order, with a key of the shop."""
        answer = httpx.post(
            f"{address}/refunds",
            json={"order_id": order_id, "amount": amount},
            headers={"Authorization": f"Bearer {api_key}"},
            trust_env=False,
        )
        return answer.text

    server.run()


if __name__ == "__main__":
    serve(sys.argv[1])
