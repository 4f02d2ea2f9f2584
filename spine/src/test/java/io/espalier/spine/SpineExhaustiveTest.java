package io.espalier.spine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** All short histories of a spine, beside the rules written down a second time. */
class SpineExhaustiveTest {

    private static final List<String> COMMANDS =
            List.of(
                    "push 0",
                    "push 1",
                    "push 3",
                    "push 100",
                    "exert 20",
                    "sweep 8",
                    "since",
                    "answer all");

    private static final List<String> MORE_COMMANDS =
            List.of(
                    "push 0",
                    "push 1",
                    "push 3",
                    "push 100",
                    "exert 1",
                    "exert 20",
                    "sweep 8",
                    "since",
                    "answer all",
                    "answer two",
                    "reopen");

    private long checked;

    @Test
    void everyHistoryOfFiveCommandsGoesAsTheRulesSay() throws SpineFormatException {
        // Fails when a level, the work of a merge, a since, a request or an empty batch differs
        // from what the rules give, in any of 37,449 histories.
        walk(new Spine(), new SpineReference(), COMMANDS, new ArrayList<>(), 5);
        assertEquals(37_449, checked);
    }

    @Test
    @Tag("long")
    void everyHistoryOfMoreCommandsGoesAsTheRulesSay() throws SpineFormatException {
        // Fails as the one above, in any of 177,156 and 299,593 histories.
        walk(new Spine(), new SpineReference(), MORE_COMMANDS, new ArrayList<>(), 5);
        walk(new Spine(), new SpineReference(), COMMANDS, new ArrayList<>(), 6);
        assertEquals(177_156 + 299_593, checked);
    }

    @Property(tries = 400)
    void longHistoriesGoAsTheRulesSay(@ForAll long seed) throws SpineFormatException {
        // Fails as the ones above, where it takes many batches to get there.
        Random random = new Random(seed);
        Spine spine = new Spine();
        SpineReference reference = new SpineReference();
        List<String> history = new ArrayList<>();
        for (int i = random.nextInt(80); i > 0; i--) {
            String command = MORE_COMMANDS.get(random.nextInt(MORE_COMMANDS.size()));
            if (random.nextInt(3) == 0) {
                command =
                        List.of("push ", "push ", "exert ", "sweep ").get(random.nextInt(4))
                                + random.nextInt(1 << random.nextInt(10));
            }
            history.add(command);
            spine = command.equals("reopen") ? Spine.unflatten(spine.flatten()) : spine.copy();
            run(command, history.size(), spine, reference, history);
        }
    }

    private void walk(
            Spine spine,
            SpineReference reference,
            List<String> commands,
            List<String> history,
            int left)
            throws SpineFormatException {
        checked++;
        if (left == 0) {
            return;
        }
        for (String command : commands) {
            history.add(command);
            Spine next = command.equals("reopen") ? Spine.unflatten(spine.flatten()) : spine.copy();
            SpineReference nextReference = reference.copy();
            run(command, history.size(), next, nextReference, history);
            walk(next, nextReference, commands, history, left - 1);
            history.removeLast();
        }
    }

    private static void run(
            String command, int step, Spine spine, SpineReference reference, List<String> history) {
        String name = "r" + step;
        List<MergeRequest> requests = List.of();
        FlatSpine before = spine.flatten();
        int swept = -1;
        String[] words = command.split(" ");
        switch (words[0]) {
            case "push" -> {
                long length = Long.parseLong(words[1]);
                swept = Levels.levelFor(length) + 2;
                long at = spine.upper().epoch();
                requests =
                        spine.push(new HollowBatch(Facts.times(at, at + 1, 0), runs(name, length)));
                if (length == 0
                        && requests.isEmpty()
                        && spine.flatten().batches().size() == before.batches().size()) {
                    // it may have become one with an empty neighbour, which costs no fuel
                    swept = -1;
                }
                reference.push(length, length == 0 ? "" : name);
            }
            case "exert" -> {
                long effort = Long.parseLong(words[1]);
                Spine.Exertion exertion = spine.exert(effort);
                requests = exertion.requests();
                assertEquals(reference.exert(effort), exertion.worked(), history::toString);
            }
            case "sweep" -> {
                long updates = Long.parseLong(words[1]);
                Spine.Exertion exertion = spine.sweep(updates);
                requests = exertion.requests();
                assertEquals(reference.sweep(updates), exertion.worked(), history::toString);
                // as by a push, whatever is merging
                swept = exertion.worked() ? Levels.levelFor(updates) + 2 : -1;
            }
            case "since" -> {
                spine.downgradeSince(spine.upper().join(spine.since()));
                reference.advanceSince(spine.since().epoch());
            }
            case "answer" -> answer(words[1].equals("all") ? 0 : 2, name, spine, reference);
            default -> {}
        }
        assertEquals(
                reference.takeRequests(),
                requests.stream().map(SpineExhaustiveTest::text).toList(),
                history::toString);
        assertEquals(reference.text(), text(spine), history::toString);
        assertEquals(Optional.empty(), spine.validate(), history::toString);
        if (swept >= 0) {
            assertSwept(before, spine.flatten(), swept, history);
        }
    }

    /** No merge that was there before a push is left up to two levels above it. */
    private static void assertSwept(
            FlatSpine before, FlatSpine after, int level, List<String> history) {
        for (FlatSpine.FlatMerge merge : after.merges()) {
            for (FlatSpine.FlatBatch batch : after.batches()) {
                if (merge.id().covers(batch.id()) && batch.level() <= level) {
                    assertTrue(
                            before.merges().stream().noneMatch(old -> old.id().equals(merge.id())),
                            history::toString);
                }
            }
        }
    }

    private static void answer(int count, String name, Spine spine, SpineReference reference) {
        for (SpineBatch batch : spine.batches()) {
            if (batch.parts().size() < 2) {
                continue;
            }
            int taken = count == 0 ? batch.parts().size() : count;
            List<IdHollowBatch> inputs = batch.parts().subList(0, taken);
            long length = Amounts.sum(inputs, part -> part.batch().updateCount()) / 2;
            Frontier since = batch.description().since();
            if (taken < batch.parts().size()) {
                since = Frontier.MINIMUM;
                for (IdHollowBatch input : inputs) {
                    since = since.join(input.batch().description().since());
                }
            }
            Description description =
                    new Description(
                            inputs.getFirst().batch().description().lower(),
                            inputs.getLast().batch().description().upper(),
                            since);
            SpineId id = SpineId.hull(inputs.getFirst().id(), inputs.getLast().id());
            // what covers no time holds no updates
            MergeResult result =
                    new MergeResult(
                            Replaced.Range.of(id, inputs),
                            new HollowBatch(description, runs(name, length)),
                            OptionalLong.empty());
            assertEquals(
                    taken == batch.parts().size() ? ApplyResult.EXACT : ApplyResult.SUBSET,
                    spine.apply(result));
            assertTrue(reference.answer(count, length, name));
            return;
        }
    }

    private static List<Run> runs(String name, long length) {
        if (length == 0) {
            return List.of();
        }
        int number = Integer.parseInt(name.substring(1));
        PartRef part = new PartRef(name, number, length, 0, OptionalLong.empty());
        return List.of(new Run(new RunId(0, number), 0, false, List.of(part)));
    }

    private static List<String> text(Spine spine) {
        FlatSpine flat = spine.flatten();
        List<String> lines = new ArrayList<>();
        lines.add("since " + flat.since() + " upper " + flat.upper() + " next " + flat.nextId());
        int next = 0;
        int merge = 0;
        for (FlatSpine.FlatBatch batch : flat.batches()) {
            int first = next;
            while (next < flat.parts().size() && batch.id().covers(flat.parts().get(next).id())) {
                next++;
            }
            lines.add(
                    batch.level()
                            + " "
                            + text(
                                    batch.id(),
                                    batch.description(),
                                    flat.parts().subList(first, next)));
            if (merge < flat.merges().size()
                    && flat.merges().get(merge).id().end() == batch.id().end()) {
                FlatSpine.FlatMerge merging = flat.merges().get(merge++);
                lines.add(
                        "merging to " + merging.since() + ", " + merging.remainingWork() + " left");
            }
        }
        return lines;
    }

    private static String text(MergeRequest request) {
        return text(request.id(), request.description(), request.inputs());
    }

    private static String text(SpineId id, Description description, List<IdHollowBatch> parts) {
        StringBuilder text = new StringBuilder("[" + id + "]" + description);
        for (IdHollowBatch part : parts) {
            text.append(' ').append(part.id()).append(part.batch().description());
            part.batch().parts().forEach(ref -> text.append(ref.name()));
            text.append('/').append(part.batch().updateCount());
        }
        return text.toString();
    }
}
