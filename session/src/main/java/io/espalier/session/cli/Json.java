package io.espalier.session.cli;

import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Writes maps, lists, strings, numbers and booleans as JSON, indented. */
final class Json {

    private static final String INDENT = "  ";

    private Json() {}

    static String of(Object value) {
        StringBuilder text = new StringBuilder();
        append(text, value, "\n");
        return text.append('\n').toString();
    }

    private static void append(StringBuilder text, Object value, String lineStart) {
        switch (value) {
            case Map<?, ?> map -> {
                String separator = "{";
                for (Map.Entry<?, ?> entry : map.entrySet()) {
                    text.append(separator).append(lineStart).append(INDENT);
                    appendString(text, String.valueOf(entry.getKey()));
                    text.append(": ");
                    append(text, entry.getValue(), lineStart + INDENT);
                    separator = ",";
                }
                text.append(map.isEmpty() ? "{}" : lineStart + "}");
            }
            case List<?> list -> {
                String separator = "[";
                for (Object element : list) {
                    text.append(separator).append(lineStart).append(INDENT);
                    append(text, element, lineStart + INDENT);
                    separator = ",";
                }
                text.append(list.isEmpty() ? "[]" : lineStart + "]");
            }
            // JSON has neither NaN nor infinity
            case Double number when !Double.isFinite(number) -> text.append("null");
            case Number number -> text.append(number);
            case Boolean flag -> text.append(flag);
            default -> appendString(text, value.toString());
        }
    }

    private static void appendString(StringBuilder text, String string) {
        text.append('"');
        for (int i = 0; i < string.length(); i++) {
            char c = string.charAt(i);
            if (c == '"' || c == '\\') {
                text.append('\\').append(c);
            } else if (Character.isISOControl(c) || Character.isSurrogate(c)) {
                text.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
            } else {
                text.append(c);
            }
        }
        text.append('"');
    }
}
