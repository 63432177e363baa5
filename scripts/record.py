"""Runs the recording's commands on a pseudo-terminal, and draws what the terminal showed as one animated SVG. Called by scripts/record.

What is shown is what the commands print, when they print it: only what takes longer than PAUSE is shortened. Must not make anything up.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from html import escape

import pyte

COLUMNS, ROWS = 100, 30
# (what is typed, one command after another; how many seconds the end of each stays)
SCENES = [
    (
        ["scripts/demo --only unapproved-deletion --only altered-approval --only approved-deletion"],
        3.0,
    ),
    (
        [
            "reprieve explain tests/fixtures/aws/schedule-key-deletion.json \\\n"
            "    --facts tests/fixtures/facts/pending-enabled-before.json --now 2026-03-02T10:00:02Z",
            "reprieve explain tests/fixtures/aws/schedule-key-deletion.json \\\n"
            "    --facts tests/fixtures/facts/incident-hold.json --now 2026-03-02T10:00:02Z",
        ],
        3.5,
    ),
    (["reprieve replay target/history/logs --sandbox-account 222233334444 | head -28"], 6.0),
]
# What only shows that something is under way: a spinner, a bar.
WAITING = re.compile(r"^\s*[\u2800-\u28ff] |^Reading [━╸─ ]")
PAUSE = 0.45  # seconds; nothing moves for longer while a command runs
TYPED = 0.022  # seconds a character
FRAME = 0.06  # seconds; what comes closer together is seen at once
LIMIT_SECONDS = 36
LIMIT_BYTES = 220_000
PATIENCE = 180  # seconds a command may take

ADVANCE, LINE, SIZE = 8.43, 19, 14
MARGIN, BAR = 16, 34
INK = "#e6edf3"
COLOURS = {
    "default": INK,
    "black": "#6e7681",
    "red": "#ff7b72",
    "green": "#3fb950",
    "brown": "#d29922",
    "yellow": "#d29922",
    "blue": "#79c0ff",
    "magenta": "#d2a8ff",
    "cyan": "#56d4dd",
    "white": INK,
    "brightblack": "#8b949e",
    "brightred": "#ffa198",
    "brightgreen": "#56d364",
    "brightbrown": "#e3b341",
    "brightyellow": "#e3b341",
    "brightblue": "#a5d6ff",
    "brightmagenta": "#e2c5ff",
    "brightcyan": "#7ee7ee",
    "brightwhite": "#ffffff",
}


class Screen(pyte.HistoryScreen):
    """A terminal that knows of faint text, and how many lines have left it at the top."""

    def __init__(self):
        super().__init__(COLUMNS, ROWS, history=100_000)
        self.is_faint = False

    def select_graphic_rendition(self, *attributes, **rest):
        super().select_graphic_rendition(*attributes, **rest)
        for attribute in attributes or (0,):
            if attribute == 2:
                self.is_faint = True
            elif attribute in (0, 22):
                self.is_faint = False
        if self.is_faint and self.cursor.attrs.fg == "default":
            self.cursor.attrs = self.cursor.attrs._replace(fg="brightblack")

    def scrolled(self):
        return len(self.history.top)

    def is_waiting(self, runs):
        return bool(WAITING.match(" " * runs[0][0] + "".join(run[1] for run in runs)))

    def news(self):
        """What is written, without spinners and bars."""
        return {number: runs for number, runs in self.written().items() if not self.is_waiting(runs)}

    def written(self):
        """The lines that hold something, as {number since the scene began: [(column, text, colour, bold, italic)]}."""
        lines = {}
        for y in range(ROWS):
            runs, row = [], self.buffer[y]
            for x in range(COLUMNS):
                cell = row[x]
                style = (cell.fg, cell.bold, cell.italics)
                if runs and runs[-1][2] == style:
                    runs[-1][1].append(cell.data)
                else:
                    runs.append((x, [cell.data], style))
            whole = "".join(text for _, run, _ in runs for text in run)
            if whole.strip():
                lines[self.scrolled() + y] = tuple(
                    (x, "".join(run).rstrip(), *style) for x, run, style in runs if "".join(run).strip()
                )
        return lines


def play(command):
    """Runs a command, and yields the seconds since the last output with each output. Fails where the command does."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", CLICOLOR_FORCE="1")
        os.environ.pop("NO_COLOR", None)
        os.execvp("bash", ["bash", "-c", command])
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        last = began = time.monotonic()
        while True:
            ready, _, _ = select.select([terminal], [], [], 1.0)
            if time.monotonic() - began > PATIENCE:
                os.kill(child, signal.SIGKILL)
                sys.exit(f"record: `{command}` took longer than {PATIENCE} s")
            if not ready:
                continue
            try:
                output = os.read(terminal, 65536)
            except OSError:  # the terminal is closed
                output = b""
            if not output:
                break
            now = time.monotonic()
            yield now - last, output
            last = now
    finally:
        os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code != 0:
        sys.exit(f"record: `{command}` ended with exit code {code}")


def record():
    """Plays all scenes. Returns their frames, as [(seconds, scene, lines scrolled, lines)], and the length of the whole."""
    frames, clock = [], 0.0
    for scene, (commands, stays) in enumerate(SCENES):
        screen = Screen()
        stream = pyte.ByteStream(screen)

        def show():
            frame = (clock, scene, screen.scrolled(), screen.written())
            if frames and frames[-1][1] == scene and (frames[-1][2:] == frame[2:]):
                return
            if frames and frames[-1][1] == scene and clock - frames[-1][0] < FRAME:
                frames[-1] = (frames[-1][0], *frame[1:])
            else:
                frames.append(frame)

        for command in commands:
            stream.feed(b"\x1b[1;32m$\x1b[0m ")
            show()
            clock += 0.5
            for start in range(0, len(command), 3):
                stream.feed(command[start : start + 3].replace("\n", "\r\n").encode())
                clock += TYPED * 3
                show()
            clock += 0.4
            stream.feed(b"\r\n")
            idle, news = 0.0, screen.news()
            for passed, output in play(command):
                clock += min(passed, max(0.0, PAUSE - idle))
                idle += passed
                stream.feed(output)
                if screen.news() != news:
                    idle, news = 0.0, screen.news()
                show()
            clock += stays
            print(f"record: {clock:5.1f} s after `{command}`", file=sys.stderr)
    return frames, clock


def spans(frames, length):
    """Joins what stays the same: lines as [(scene, line, runs, from, to)], and scrolling as {scene: [(from, lines)]}."""
    shown, open_lines, scrolls = [], {}, {}
    for at, scene, scrolled, lines in frames:
        ways = scrolls.setdefault(scene, [])
        if not ways or ways[-1][1] != scrolled:
            ways.append((at, scrolled))
        now = {(scene, number): runs for number, runs in lines.items()}
        for place, (runs, since) in list(open_lines.items()):
            # What has scrolled out of sight stays where it is: nobody sees it, and it needs no end.
            is_above = place[0] == scene and place[1] < scrolled
            if now.get(place) != runs and not is_above:
                shown.append((*place, runs, since, at))
                del open_lines[place]
        for place, runs in now.items():
            if place not in open_lines:
                open_lines[place] = (runs, at)
    shown.extend((*place, runs, since, length) for place, (runs, since) in open_lines.items())
    return shown, scrolls


def percent(at, length):
    return f"{100 * at / length:.3f}".rstrip("0").rstrip(".") + "%"


def drawn(runs, y):
    parts = []
    for x, text, colour, is_bold, is_italic in runs:
        kinds = [f"c-{colour}"] * (colour != "default") + ["b"] * bool(is_bold) + ["i"] * bool(is_italic)
        kind = f' class="{" ".join(kinds)}"' if kinds else ""
        # Fonts differ in width; each run is held to its columns.
        width = f' textLength="{len(text) * ADVANCE:.1f}" lengthAdjust="spacingAndGlyphs"' if len(text) > 1 else ""
        parts.append(f'<text x="{x * ADVANCE:.1f}" y="{y}"{kind}{width}>{escape(text, quote=False)}</text>')
    return "".join(parts)


def picture(frames, length):
    shown, scrolls = spans(frames, length)
    width, height = round(COLUMNS * ADVANCE + 2 * MARGIN), BAR + ROWS * LINE + MARGIN
    last_scene = len(SCENES) - 1

    keyframes, names, bodies = [], {}, {scene: [] for scene in scrolls}
    for scene, number, runs, since, until in shown:
        name = names.setdefault((since, until), f"s{len(names)}")
        is_last = scene == last_scene and until == length
        kinds = "l" + (" end" if is_last else "")
        bodies[scene].append(f'<g class="{kinds}" style="animation-name:{name}">{drawn(runs, (number + 1) * LINE - 5)}</g>')
    for (since, until), name in names.items():
        steps = [f"0%{{visibility:hidden}}"] if since > 0 else []
        steps.append(f"{percent(since, length)}{{visibility:visible}}")
        steps.append(f"{percent(until, length)}{{visibility:hidden}}" if until < length else "to{visibility:visible}")
        keyframes.append(f"@keyframes {name}{{{''.join(steps)}}}")
    scenes = []
    for scene, ways in scrolls.items():
        steps = "".join(f"{percent(at, length)}{{transform:translateY({-lines * LINE}px)}}" for at, lines in ways)
        first, last = ways[0][1], ways[-1][1]
        steps = f"0%{{transform:translateY({-first * LINE}px)}}{steps}to{{transform:translateY({-last * LINE}px)}}"
        keyframes.append(f"@keyframes m{scene}{{{steps}}}")
        rest = f";transform:translateY({-last * LINE}px)" if scene == last_scene else ""
        starts = min(at for at, of, _, _ in frames if of == scene)
        until = min((at for at, of, _, _ in frames if of == scene + 1), default=length)
        keyframes.append(
            f"@keyframes v{scene}{{{'0%{opacity:0}' if starts > 0 else ''}{percent(starts, length)}{{opacity:1}}"
            f"{percent(until, length) + '{opacity:0}' if until < length else 'to{opacity:1}'}}}"
        )
        kinds = "v" + (" end" if scene == last_scene else "")
        scenes.append(
            f'<g class="{kinds}" style="animation-name:v{scene}"><g class="m" style="animation-name:m{scene}{rest}">'
            f"{''.join(bodies[scene])}</g></g>"
        )
    colours = "".join(f".c-{name}{{fill:{colour}}}" for name, colour in COLOURS.items() if f"c-{name}" in "".join(scenes))
    told = "; ".join(" ".join(command.replace("\\\n", " ").split()) for commands, _ in SCENES for command in commands)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-labelledby="title desc">
<title id="title">Reprieve in {round(length)} seconds</title>
<desc id="desc">A terminal in which these commands run: {escape(told)}</desc>
<!-- Written by scripts/record: what the commands printed, with pauses shortened. Do not edit. -->
<style>
text{{font-family:ui-monospace,SFMono-Regular,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;font-size:{SIZE}px;fill:{INK};white-space:pre}}
.b{{font-weight:700}}.i{{font-style:italic}}{colours}
.l,.m,.v{{animation-duration:{length:.2f}s;animation-timing-function:step-end;animation-iteration-count:infinite}}
.l{{visibility:hidden}}.v{{opacity:0}}.l.end{{visibility:visible}}.v.end{{opacity:1}}
@media (prefers-reduced-motion:reduce){{.l,.m,.v{{animation:none!important}}}}
{chr(10).join(keyframes)}
</style>
<rect width="{width}" height="{height}" rx="10" fill="#0d1117"/>
<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="9.5" fill="none" stroke="#3d444d"/>
<circle cx="20" cy="17" r="5.5" fill="#ff5f57"/><circle cx="38" cy="17" r="5.5" fill="#febc2e"/><circle cx="56" cy="17" r="5.5" fill="#28c840"/>
<svg x="{MARGIN}" y="{BAR}" width="{width - 2 * MARGIN}" height="{ROWS * LINE}" viewBox="0 0 {width - 2 * MARGIN} {ROWS * LINE}">
{chr(10).join(scenes)}
</svg>
</svg>
"""


def main():
    frames, length = record()
    text = picture(frames, length)
    size = len(text.encode())
    print(f"record: {length:.1f} s, {size} bytes", file=sys.stderr)
    if length > LIMIT_SECONDS or size > LIMIT_BYTES:
        sys.exit(f"record: more than {LIMIT_SECONDS} s or {LIMIT_BYTES} bytes; nothing was written: show less")
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
