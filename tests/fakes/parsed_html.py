"""A page as a browser takes it apart: its tags with their attributes, and its texts."""

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input", "hr"}


class ParsedHtml(HTMLParser):
    """`tags` are (name, attributes) in order, `texts` what stands between them, `unclosed` is left open."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts, self.unclosed = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.unclosed.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.unclosed.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def of(self, name):
        """Return the attributes of all tags of a name."""
        return [attributes for tag, attributes in self.tags if tag == name]

    @property
    def text(self):
        """All texts, in one line."""
        return " ".join(" ".join(self.texts).split())
