"""How the provider's service plan wants subscribers to be spoken to."""

from __future__ import annotations

FORBIDDEN = ("急什么", "不知道", "不关我们事", "有本事", "去告我", "就是这种态度", "快点啦", "烦死人")
"""What nobody may be told."""
POLITE = ("您好", "请", "对不起", "谢谢", "再见", "请稍等", "请放心")
"""What belongs to every dialogue."""
