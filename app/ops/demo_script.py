"""What the demo's customers say: names, openings and follow-ups, in English and Chinese."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Story:
    """`lines[0]` opens; each of the others is said after an answer; the last one says goodbye."""

    language: str
    names: tuple[str, ...]
    lines: tuple[str, ...]


_EN_NAMES = ("Grace Miller", "Oliver Hughes", "Sofia Rossi", "James Carter", "Nina Schmidt", "Leo Martin")
_ZH_NAMES = ("王芳", "李娜", "张伟", "刘洋", "赵静", "孙磊")

STORIES = (
    Story(
        "en",
        _EN_NAMES,
        (
            "Hi, my order LM-20418 was due yesterday and has not come. Can you see where it is?",
            'The carrier\'s page only says "in transit". Will it come before Friday?',
            "That works for me. Thank you!",
        ),
    ),
    Story(
        "en",
        _EN_NAMES,
        (
            "The desk lamp I bought flickers on the lowest setting.",
            "Yes, I tried another socket, it is the same.",
            "A replacement would be great, I still have the box.",
            "Perfect, thanks for the quick help.",
        ),
    ),
    Story(
        "en",
        _EN_NAMES,
        (
            "Can I still change the delivery address of an order from this morning?",
            "The new address is the one in my account.",
            "Great, thank you.",
        ),
    ),
    Story(
        "zh-CN",
        _ZH_NAMES,
        (
            "你好，我昨天下的订单 LM-20533 什么时候发货？",
            "能改成周六送货吗？工作日家里没人。",
            "好的，谢谢！",
        ),
    ),
    Story(
        "zh-CN",
        _ZH_NAMES,
        (
            "你们好，收到的台灯灯罩有一道裂痕，可以换吗？",
            "可以，我等一下把照片发过来。需要我寄回去吗？",
            "明白了，麻烦你们了。",
            "谢谢，服务很好。",
        ),
    ),
    Story(
        "zh-CN",
        _ZH_NAMES,
        (
            "请问这款落地灯支持手机控制吗？",
            "需要单独买网关吗？",
            "好的，我再看看，谢谢。",
        ),
    ),
)
