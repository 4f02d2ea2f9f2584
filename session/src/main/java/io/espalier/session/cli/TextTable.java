package io.espalier.session.cli;

import java.util.ArrayList;
import java.util.List;

/** Rows of cells in aligned columns; under a heading, columns of numbers go to the right. */
final class TextTable {

    private static final String GAP = "  ";

    private final String indent;
    private final List<String[]> rows = new ArrayList<>();
    private boolean hasHeading;

    /** A table whose lines start with {@code indent}. */
    TextTable(String indent) {
        this.indent = indent;
    }

    /** The first row, which says what the columns are. */
    TextTable heading(Object... cells) {
        hasHeading = true;
        return row(cells);
    }

    TextTable row(Object... cells) {
        String[] texts = new String[cells.length];
        for (int i = 0; i < cells.length; i++) {
            texts[i] = Shell.oneLine(cells[i].toString());
        }
        rows.add(texts);
        return this;
    }

    /** All rows, each with its line feed. */
    @Override
    public String toString() {
        int columns = rows.stream().mapToInt(row -> row.length).max().orElse(0);
        int[] widths = new int[columns];
        boolean[] numeric = new boolean[columns];
        for (int column = 0; column < columns; column++) {
            numeric[column] = hasHeading && rows.size() > 1;
            for (int i = 0; i < rows.size(); i++) {
                String[] row = rows.get(i);
                if (column < row.length) {
                    widths[column] = Math.max(widths[column], row[column].length());
                    numeric[column] &= i == 0 || startsAsNumber(row[column]);
                }
            }
        }
        StringBuilder text = new StringBuilder();
        for (String[] row : rows) {
            StringBuilder line = new StringBuilder(indent);
            for (int column = 0; column < row.length; column++) {
                String padding = " ".repeat(widths[column] - row[column].length());
                line.append(column == 0 ? "" : GAP)
                        .append(numeric[column] ? padding : "")
                        .append(row[column])
                        .append(numeric[column] ? "" : padding);
            }
            text.append(line.toString().stripTrailing()).append('\n');
        }
        return text.toString();
    }

    private static boolean startsAsNumber(String cell) {
        if (cell.isEmpty()) {
            return true;
        }
        char c = cell.charAt(0);
        return (c >= '0' && c <= '9') || c == '-';
    }
}
