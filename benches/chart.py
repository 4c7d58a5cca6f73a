"""Charts as SVG: bars for ratios, lines for how something grows."""

from html import escape

INK, FAINT, PAPER = "#333", "#ccc", "#fff"
COLORS = ("#2a6f97", "#e07a3f", "#6a994e", "#8e6c9e")
FONT = 'font-family="sans-serif" font-size="12"'


def text(x, y, words, anchor="start", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{INK}" {FONT} {extra}>{escape(words)}</text>'


def line(x1, y1, x2, y2, color=FAINT, width=1):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" stroke-width="{width}"/>'


def legend(names, x, y):
    parts = []
    for number, name in enumerate(names):
        parts.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{COLORS[number]}"/>')
        parts.append(text(x + 14, y, name))
        x += 30 + 7 * len(name)
    return parts


def write(path, width, height, parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    ground = f'<rect width="{width}" height="{height}" fill="{PAPER}"/>'
    path.write_text("\n".join([head, ground, *parts, "</svg>"]) + "\n")


def bars(path, title, rows):
    """Ratios, one group of bars for each row: (name, {series: ratio}). 1 is where both are equal."""
    names = list(rows[0][1])
    left, top, unit = 130, 60, 360
    group = 18 * len(names) + 14
    height = top + group * len(rows) + 30
    most = max([1.0, *(ratio for _, of in rows for ratio in of.values() if ratio is not None)])
    parts = [text(10, 22, title, extra='font-weight="bold"'), *legend(names, left, 44)]
    for tick in range(int(most / 0.25) + 1):
        x = left + tick * 0.25 * unit
        parts.append(line(x, top, x, height - 28, INK if tick == 4 else FAINT))
        parts.append(text(x, height - 12, f"{tick * 0.25:g}", "middle"))
    for number, (name, of) in enumerate(rows):
        y = top + number * group + 6
        parts.append(text(left - 8, y + group / 2 - 4, name, "end"))
        for bar, series in enumerate(names):
            ratio = of[series]
            if ratio is None:
                continue
            parts.append(f'<rect x="{left}" y="{y + 18 * bar}" width="{ratio * unit:.1f}" height="14" '
                         f'fill="{COLORS[bar]}"/>')
            parts.append(text(left + ratio * unit + 4, y + 18 * bar + 11, f"{ratio:.2f}"))
    write(path, int(left + most * unit + 60), height, parts)


def growth(path, title, panels):
    """How figures grow with a number: panels of (name, unit, {series: [(number, figure)]}), both axes by tenfolds."""
    from math import ceil, floor, log10
    width, height, gap = 330, 260, 90
    parts = [text(10, 22, title, extra='font-weight="bold"'), *legend(list(panels[0][2]), 70, 44)]
    for panel, (name, unit, series) in enumerate(panels):
        left, top = 70 + panel * (width + gap), 70
        points = [point for of in series.values() for point in of]
        low_x, high_x = (log10(pick(number for number, _ in points)) for pick in (min, max))
        low_y, high_y = floor(log10(min(f for _, f in points))), ceil(log10(max(f for _, f in points)))

        def at(number, figure):
            x = left + (log10(number) - low_x) / max(high_x - low_x, 1e-9) * width
            return x, top + height - (log10(figure) - low_y) / max(high_y - low_y, 1) * height

        parts.append(text(left, top - 8, f"{name}, {unit}"))
        for power in range(low_y, high_y + 1):
            y = at(10 ** low_x, 10 ** power)[1]
            parts += [line(left, y, left + width, y), text(left - 6, y + 4, f"{10.0 ** power:g}", "end")]
        for number in sorted({number for number, _ in points}):
            x = at(number, 10 ** low_y)[0]
            parts += [line(x, top, x, top + height), text(x, top + height + 18, f"{number:,}", "middle")]
        for color, of in zip(COLORS, series.values()):
            way = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in of))
            parts.append(f'<polyline points="{way}" fill="none" stroke="{color}" stroke-width="2"/>')
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in (at(*p) for p in of)]
    write(path, 70 + len(panels) * (width + gap), 70 + height + 40, parts)
