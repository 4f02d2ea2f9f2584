package io.espalier.spine;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/**
 * Drives a spine by a script, a command a line; behind {@code espalier debug spine} and the golden
 * tests.
 *
 * <pre>
 * push LOWER UPPER LEN NAME         adds a batch; LEN 0 has no NAME; prints its merge requests
 * since T                           moves the spine's since
 * apply LOWER UPPER SINCE LEN NAME  answers for a range of times; LEN 0 needs no NAME; prints exact, subset, too-many or no-match
 * exert EFFORT                      prints true or false, then its merge requests
 * show                              prints the batches
 * </pre>
 *
 * <p>Times and lengths are unsigned decimals. Empty lines and lines that begin with {@code #} are
 * skipped. A command that is wrong in form, or that the spine refuses, prints {@code error: } and
 * the reason, and changes nothing.
 *
 * <p>{@code apply} takes as its inputs whatever has these times at that moment. A program should
 * name what it really read: see {@link Replaced}.
 *
 * <p>For one thread at a time.
 */
public final class SpineScript {
    private static final int MAX_LINE_LENGTH = 1024;
    private static final Pattern SPACE = Pattern.compile("[ \\t]+");

    private final Spine spine = new Spine();
    private long runCount;

    /** Begins with an empty spine. */
    public SpineScript() {}

    /** Runs one line, and returns what it prints: no line or several. */
    public List<String> run(String line) {
        String command = line.strip();
        if (command.isEmpty() || command.startsWith("#")) {
            return List.of();
        }
        try {
            if (command.length() > MAX_LINE_LENGTH) {
                throw new IllegalArgumentException(
                        "the line is longer than " + MAX_LINE_LENGTH + " characters");
            }
            return run(SPACE.split(command));
        } catch (IllegalArgumentException refused) {
            return List.of("error: " + refused.getMessage());
        }
    }

    private List<String> run(String[] words) {
        return switch (words[0]) {
            case "push" -> {
                requireForm(
                        words,
                        words.length > 3 && isZero(words[3]) ? 4 : 5,
                        "push LOWER UPPER LEN NAME, without NAME if LEN is 0");
                yield requests(spine.push(batch(words, 3, Frontier.MINIMUM)));
            }
            case "since" -> {
                requireForm(words, 2, "since T");
                spine.downgradeSince(time(words[1]));
                yield List.of();
            }
            case "apply" -> {
                requireForm(
                        words,
                        words.length == 5 && isZero(words[4]) ? 5 : 6,
                        "apply LOWER UPPER SINCE LEN NAME");
                ApplyResult result = spine.applyByTimes(batch(words, 4, time(words[3])));
                yield List.of(
                        switch (result) {
                            case EXACT -> "exact";
                            case SUBSET -> "subset";
                            case TOO_MANY_UPDATES -> "too-many";
                            case NO_MATCH, INVALID_SINCE -> "no-match";
                        });
            }
            case "exert" -> {
                requireForm(words, 2, "exert EFFORT");
                Spine.Exertion exertion = spine.exert(amount("EFFORT", words[1], Long.MAX_VALUE));
                List<String> lines = new ArrayList<>();
                lines.add(Boolean.toString(exertion.worked()));
                lines.addAll(requests(exertion.requests()));
                yield lines;
            }
            case "show" -> {
                requireForm(words, 1, "show");
                yield SpineText.batches(spine);
            }
            default ->
                    throw new IllegalArgumentException(
                            "unknown command '"
                                    + words[0]
                                    + "', expected push, since, apply, exert or show");
        };
    }

    /** The batch that {@code LOWER UPPER ... LEN [NAME]} describes, under a run id of its own. */
    private HollowBatch batch(String[] words, int lengthIndex, Frontier since) {
        Description description = new Description(time(words[1]), time(words[2]), since);
        long updateCount = amount("LEN", words[lengthIndex], Spine.MAX_UPDATES);
        if (updateCount == 0) {
            return HollowBatch.empty(description);
        }
        PartRef part =
                new PartRef(words[lengthIndex + 1], runCount, updateCount, 0, OptionalLong.empty());
        return new HollowBatch(
                description, List.of(new Run(new RunId(0, runCount++), 0, false, List.of(part))));
    }

    private static List<String> requests(List<MergeRequest> requests) {
        return requests.stream().map(SpineText::request).toList();
    }

    private static void requireForm(String[] words, int wordCount, String form) {
        if (words.length != wordCount) {
            throw new IllegalArgumentException(
                    "'"
                            + words[0]
                            + "' has "
                            + (words.length - 1)
                            + " arguments, expected: "
                            + form);
        }
    }

    private static boolean isZero(String word) {
        return !word.isEmpty() && word.chars().allMatch(c -> c == '0');
    }

    private static Frontier time(String word) {
        requireDigits("a time", word, "18446744073709551615");
        try {
            return Frontier.of(Long.parseUnsignedLong(word));
        } catch (NumberFormatException tooLarge) {
            throw outOfRange("a time", word, "18446744073709551615");
        }
    }

    private static long amount(String what, String word, long max) {
        requireDigits(what, word, Long.toString(max));
        try {
            long amount = Long.parseLong(word);
            if (amount <= max) {
                return amount;
            }
        } catch (NumberFormatException tooLarge) {
            // out of range all the more
        }
        throw outOfRange(what, word, Long.toString(max));
    }

    private static void requireDigits(String what, String word, String max) {
        if (word.isEmpty() || !word.chars().allMatch(c -> c >= '0' && c <= '9')) {
            throw outOfRange(what, word, max);
        }
    }

    private static IllegalArgumentException outOfRange(String what, String word, String max) {
        return new IllegalArgumentException(what + " is '" + word + "', expected 0 to " + max);
    }
}
