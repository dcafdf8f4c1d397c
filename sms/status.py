"""command_status: names, what to do about each, and words for the people who run the service (SMPP 3.4 §5.1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, Literal, NamedTuple

Lang = Literal["en", "zh"]


class StatusClass(Enum):
    """What a status means for the request that it answers."""

    OK = "ok"
    RETRY = "retry"
    """The same request may succeed later."""
    PERMANENT = "permanent"
    """The same request will be refused again."""
    BIND = "bind"
    """The session is at fault, not the message: bind again or mend the configuration, then send it again."""


class Status(NamedTuple):
    """One command_status; `en` and `zh` finish the sentence "the SMSC says: ..."."""

    code: int
    name: str
    cls: StatusClass
    en: str
    zh: str


_OK, _RETRY, _PERMANENT, _BIND = StatusClass.OK, StatusClass.RETRY, StatusClass.PERMANENT, StatusClass.BIND

STATUSES: Final[Mapping[int, Status]] = {
    row.code: row
    for row in (
        Status(0x00, "ESME_ROK", _OK, "accepted", "已接受"),
        Status(0x01, "ESME_RINVMSGLEN", _PERMANENT, "the text's length is not valid", "短信长度无效"),
        Status(0x02, "ESME_RINVCMDLEN", _PERMANENT, "the PDU's length is not valid", "命令长度无效"),
        Status(0x03, "ESME_RINVCMDID", _PERMANENT, "it does not know this command", "不支持该命令"),
        Status(0x04, "ESME_RINVBNDSTS", _BIND, "this bind does not allow that command", "当前绑定状态不允许该命令"),
        Status(0x05, "ESME_RALYBND", _BIND, "bound already, perhaps by another process", "账号已绑定，可能另有进程在用"),
        Status(0x06, "ESME_RINVPRTFLG", _PERMANENT, "the priority is not valid", "优先级无效"),
        Status(0x07, "ESME_RINVREGDLVFLG", _PERMANENT, "the request for a receipt is not valid", "状态报告请求标志无效"),
        Status(0x08, "ESME_RSYSERR", _RETRY, "it has an error of its own", "短信中心系统错误"),
        Status(0x0A, "ESME_RINVSRCADR", _PERMANENT, "service_number is not valid as a source", "源号码无效：service_number"),
        Status(0x0B, "ESME_RINVDSTADR", _PERMANENT, "the destination number is not valid", "目的号码无效"),
        Status(0x0C, "ESME_RINVMSGID", _PERMANENT, "it does not know this message id", "消息标识无效"),
        Status(0x0D, "ESME_RBINDFAIL", _BIND, "the bind failed", "绑定失败"),
        Status(0x0E, "ESME_RINVPASWD", _BIND, "the password is wrong", "密码错误"),
        Status(0x0F, "ESME_RINVSYSID", _BIND, "it does not know this system_id", "system_id 无效"),
        Status(0x11, "ESME_RCANCELFAIL", _PERMANENT, "it could not cancel the message", "取消短信失败"),
        Status(0x13, "ESME_RREPLACEFAIL", _PERMANENT, "it could not replace the message", "替换短信失败"),
        Status(0x14, "ESME_RMSGQFUL", _RETRY, "its queue is full", "短信中心队列已满"),
        Status(0x15, "ESME_RINVSERTYP", _PERMANENT, "the service type is not valid", "业务类型无效"),
        Status(0x33, "ESME_RINVNUMDESTS", _PERMANENT, "the number of destinations is not valid", "目的号码个数无效"),
        Status(0x34, "ESME_RINVDLNAME", _PERMANENT, "the distribution list's name is not valid", "群发列表名无效"),
        Status(0x40, "ESME_RINVDESTFLAG", _PERMANENT, "the destination flag is not valid", "目的地址标志无效"),
        Status(0x42, "ESME_RINVSUBREP", _PERMANENT, "submit with replace is not possible", "不能以替换方式提交"),
        Status(0x43, "ESME_RINVESMCLASS", _PERMANENT, "esm_class is not valid", "esm_class 无效"),
        Status(0x44, "ESME_RCNTSUBDL", _PERMANENT, "it cannot submit to a distribution list", "不能提交到群发列表"),
        Status(0x45, "ESME_RSUBMITFAIL", _RETRY, "the submission failed", "提交失败"),
        Status(0x48, "ESME_RINVSRCTON", _PERMANENT, "the source's type of number is not valid", "源号码类型无效"),
        Status(0x49, "ESME_RINVSRCNPI", _PERMANENT, "the source's numbering plan is not valid", "源号码编号方案无效"),
        Status(0x50, "ESME_RINVDSTTON", _PERMANENT, "the destination's type of number is not valid", "目的号码类型无效"),
        Status(0x51, "ESME_RINVDSTNPI", _PERMANENT, "the destination's numbering plan is not valid", "目的号码编号方案无效"),
        Status(0x53, "ESME_RINVSYSTYP", _BIND, "system_type is not valid", "system_type 无效"),
        Status(0x54, "ESME_RINVREPFLAG", _PERMANENT, "the replace flag is not valid", "替换标志无效"),
        Status(0x55, "ESME_RINVNUMMSGS", _PERMANENT, "the number of messages is not valid", "短信条数无效"),
        Status(0x58, "ESME_RTHROTTLED", _RETRY, "we send faster than allowed: rate_per_s", "发送速度超限：rate_per_s"),
        Status(0x61, "ESME_RINVSCHED", _PERMANENT, "the time of delivery is not valid", "定时发送时间无效"),
        Status(0x62, "ESME_RINVEXPIRY", _PERMANENT, "the validity period is not valid", "有效期无效"),
        Status(0x63, "ESME_RINVDFTMSGID", _PERMANENT, "the predefined message does not exist", "预定义短信不存在"),
        Status(0x64, "ESME_RX_T_APPN", _RETRY, "a temporary error at the receiver", "接收方暂时出错"),
        Status(0x65, "ESME_RX_P_APPN", _PERMANENT, "a permanent error at the receiver", "接收方永久出错"),
        Status(0x66, "ESME_RX_R_APPN", _PERMANENT, "the receiver refused the message", "接收方拒收"),
        Status(0x67, "ESME_RQUERYFAIL", _RETRY, "the query failed", "查询失败"),
        Status(0xC0, "ESME_RINVOPTPARSTREAM", _PERMANENT, "the optional part is not valid", "可选参数部分有误"),
        Status(0xC1, "ESME_ROPTPARNOTALLWD", _PERMANENT, "an optional parameter is not allowed", "不允许该可选参数"),
        Status(0xC2, "ESME_RINVPARLEN", _PERMANENT, "a parameter's length is not valid", "参数长度无效"),
        Status(0xC3, "ESME_RMISSINGOPTPARAM", _PERMANENT, "an optional parameter is missing", "缺少可选参数"),
        Status(0xC4, "ESME_RINVOPTPARAMVAL", _PERMANENT, "an optional parameter's value is not valid", "可选参数取值无效"),
        Status(0xFE, "ESME_RDELIVERYFAILURE", _RETRY, "the delivery failed", "投递失败"),
        Status(0xFF, "ESME_RUNKNOWNERR", _RETRY, "an error without a name", "未知错误"),
    )
}

_VENDOR: Final = range(0x400, 0x500)
_UNKNOWN: Final[Mapping[tuple[Lang, bool], str]] = {
    ("en", False): "a status that SMPP 3.4 does not have; ask its operator",
    ("en", True): "a status of its own making; ask its operator",
    ("zh", False): "规范中没有的状态，请询问运营商",
    ("zh", True): "短信中心自定义的状态，请询问运营商",
}


def name(status: int) -> str:
    """The specification's name, such as "ESME_RTHROTTLED"; "0x00000410" when it has none."""
    row = STATUSES.get(status)
    return row.name if row else f"0x{status:08x}"


def class_of(status: int) -> StatusClass:
    """What to do about a status.

    Statuses of the SMSC's own making are taken as RETRY: a text that was refused for a reason we cannot know is tried again
    and, when that does not help, ends in the dead letters where a person sees it.
    """
    row = STATUSES.get(status)
    return row.cls if row else StatusClass.RETRY


def words(status: int, lang: Lang = "en") -> str:
    """One line for operations staff: what the SMSC said, with the name and number that its operator will ask for."""
    row = STATUSES.get(status)
    if row is None:
        said = _UNKNOWN[lang, status in _VENDOR]
        return f"{said}（0x{status:08x}）" if lang == "zh" else f"{said} (0x{status:08x})"
    return f"{row.zh}（{row.name}，0x{status:02x}）" if lang == "zh" else f"{row.en} ({row.name}, 0x{status:02x})"
