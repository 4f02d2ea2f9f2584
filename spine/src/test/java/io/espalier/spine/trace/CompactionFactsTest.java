package io.espalier.spine.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.espalier.spine.Description;
import io.espalier.spine.Frontier;
import io.espalier.spine.PartRef;
import io.espalier.spine.Replaced;
import io.espalier.spine.RunId;
import io.espalier.spine.SpineId;
import io.espalier.spine.trace.ManifestState.MalformedException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

/** Requests and results as bytes, which may come from anywhere. */
class CompactionFactsTest {

    private static final UUID STORE = new UUID(0x0102030405060708L, 0x090a0b0c0d0e0f10L);
    private static final PartRef PART = new PartRef("b7", 7, 100, 4000, OptionalLong.of(-3));

    private static CompactionRequest request(Replaced replaced) {
        return new CompactionRequest(
                STORE,
                3,
                42,
                1_700_000_000_000L,
                60_000,
                1 << 20,
                new Description(Frontier.of(1), Frontier.of(9), Frontier.of(5)),
                replaced,
                List.of(PART, new PartRef("b8", 8, 1, 2, OptionalLong.empty())));
    }

    private static List<CompactionRequest> requests() {
        return List.of(
                request(
                        new Replaced.Range(
                                new SpineId(0, 8), List.of(new RunId(0, 7), new RunId(0, 8)))),
                request(
                        new Replaced.Runs(
                                new SpineId(2, 3), Set.of(new RunId(0, 8), new RunId(1, 7)))));
    }

    private static List<CompactionResult> results() {
        CompactionRequest request = requests().getFirst();
        return List.of(
                CompactionResult.of(request, new CompactionResult.Done(Optional.of(PART))),
                CompactionResult.of(request, new CompactionResult.Done(Optional.empty())),
                CompactionResult.of(request, new CompactionResult.Failed("no room \u00e9")));
    }

    @Test
    void whatIsWrittenIsRead() throws MalformedException {
        // fails if a fact is lost between two processes
        for (CompactionRequest request : requests()) {
            assertEquals(request, CompactionRequest.ofBytes(request.toBytes()));
        }
        for (CompactionResult result : results()) {
            assertEquals(result, CompactionResult.ofBytes(result.toBytes()));
        }
    }

    @Test
    void theBytesAreWhatTheyWere() {
        // fails if a worker of another build would not understand what it is asked
        assertEquals("4553504c4352455301000000", hex(results().get(1).toBytes()).substring(0, 24));
        String request = hex(requests().getFirst().toBytes());
        assertEquals("4553504c4352455101000000", request.substring(0, 24));
        assertEquals(
                "08070605040302011" + "00f0e0d0c0b0a09" + "0300000000000000" + "2a00000000000000",
                request.substring(32, 32 + 64));
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }

    @Test
    void eachChangedBitAndEachCutIsNoticed() {
        // fails if a damaged request is acted upon
        byte[] bytes = requests().getFirst().toBytes();
        byte[] result = results().getFirst().toBytes();
        for (int i = 0; i < 8 * bytes.length; i++) {
            byte[] changed = bytes.clone();
            changed[i / 8] ^= (byte) (1 << i % 8);
            assertThrows(MalformedException.class, () -> CompactionRequest.ofBytes(changed));
        }
        for (int size = 0; size < bytes.length; size++) {
            byte[] cut = Arrays.copyOf(bytes, size);
            assertThrows(MalformedException.class, () -> CompactionRequest.ofBytes(cut));
        }
        for (int size = 0; size < result.length; size++) {
            byte[] cut = Arrays.copyOf(result, size);
            assertThrows(MalformedException.class, () -> CompactionResult.ofBytes(cut));
        }
        assertThrows(MalformedException.class, () -> CompactionRequest.ofBytes(result));
        assertThrows(MalformedException.class, () -> CompactionResult.ofBytes(bytes));
    }

    @Test
    void bytesThatSomebodyMadeUpAreRefusedAndNothingElse() {
        // fails if content with a valid checksum can throw what nobody expects, or take memory
        Random random = new Random(7);
        for (int i = 0; i < 40_000; i++) {
            boolean isRequest = random.nextBoolean();
            byte[] bytes =
                    isRequest
                            ? requests().get(random.nextInt(2)).toBytes()
                            : results().get(random.nextInt(3)).toBytes();
            for (int j = 1 + random.nextInt(3); j > 0; j--) {
                bytes[16 + random.nextInt(bytes.length - 16)] =
                        (byte) (random.nextBoolean() ? random.nextInt(256) : -1);
            }
            CRC32C sum = new CRC32C();
            sum.update(bytes, 16, bytes.length - 16);
            ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(12, (int) sum.getValue());
            try {
                if (isRequest) {
                    CompactionRequest read = CompactionRequest.ofBytes(bytes);
                    assertEquals(read, CompactionRequest.ofBytes(read.toBytes()));
                } else {
                    CompactionResult read = CompactionResult.ofBytes(bytes);
                    assertEquals(read, CompactionResult.ofBytes(read.toBytes()));
                }
            } catch (MalformedException e) {
                // as it should be
            }
        }
    }
}
