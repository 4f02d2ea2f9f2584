package io.espalier.pager;

import io.espalier.memory.Checksums;
import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.MemoryBudget;
import io.espalier.memory.NativeMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * How fast pages go out and come in, per codec, beside a plain copy of the same bytes: a quick look
 * while working on the pager, not the record. Run it as a program, with the spill directory as its
 * argument.
 */
final class PagerFigures {

    private static final long IMAGE_BYTES = 2L << 20;
    private static final int IMAGES = 128;
    private static final int ROUNDS = 7;

    private PagerFigures() {}

    public static void main(String[] args) throws IOException {
        Path directory =
                args.length > 0
                        ? Path.of(args[0])
                        : Files.createTempDirectory("espalier-pager-figures");
        System.out.println("MB/s of raw bytes, best of " + ROUNDS + ", images of 2 MiB");
        System.out.println(
                "codec  page out  channel  pin+copy paged (first/again)  pin+unpin us  pin resident ns"
                        + "  ratio");
        for (Codec codec : Codec.values()) {
            row(directory, codec);
        }
    }

    private static void row(Path directory, Codec codec) throws IOException {
        NativeMemory memory = NativeMemory.open();
        PagerOptions options =
                PagerOptions.in(directory)
                        .withCodecPolicy(CodecPolicy.always(codec))
                        .withWriters(0, 1)
                        .withWindows(0, 0);
        Pager pager = Pager.open(memory, new MemoryBudget(IMAGE_BYTES * IMAGES * 2), options);
        MemorySegment bytes = memory.segment();
        Lease target = memory.allocate(IMAGE_BYTES);
        bytes.asSlice(target.offset(), IMAGE_BYTES).fill((byte) 1);
        double bytesAll = IMAGE_BYTES * (double) IMAGES;
        double out = 0;
        double in = 0;
        double again = 0;
        double pinMicros = Double.MAX_VALUE;
        double residentNanos = Double.MAX_VALUE;
        double copy = 0;
        double checksum = 0;
        double channel = 0;
        double ratio = 0;
        for (int round = 0; round < ROUNDS; round++) {
            List<Image> images = new ArrayList<>();
            for (int i = 0; i < IMAGES; i++) {
                images.add(pager.adopt(filled(memory, i), 0));
            }
            long start = System.nanoTime();
            for (int i = 0; i < IMAGES; i++) {
                try (Pin pin = images.get(i).pin()) {
                    MemorySegment.copy(bytes, pin.offset(), bytes, target.offset(), IMAGE_BYTES);
                }
            }
            copy = Math.max(copy, perSecond(bytesAll, start));
            start = System.nanoTime();
            int sum = 0;
            for (int i = 0; i < IMAGES; i++) {
                try (Pin pin = images.get(i).pin()) {
                    sum += Checksums.crc32c(bytes, pin.offset(), IMAGE_BYTES);
                }
            }
            checksum = Math.max(checksum, perSecond(bytesAll, start) + (sum & 1) * 1e-9);
            start = System.nanoTime();
            for (int k = 0; k < 100; k++) {
                for (int i = 0; i < IMAGES; i++) {
                    images.get(i).pin().close();
                }
            }
            residentNanos = Math.min(residentNanos, (System.nanoTime() - start) / (100.0 * IMAGES));
            channel = Math.max(channel, channelRate(directory, memory, images));
            start = System.nanoTime();
            for (Image image : images) {
                image.pageOut();
            }
            out = Math.max(out, perSecond(bytesAll, start));
            SpillStats.Images held = pager.stats().images();
            ratio = (double) held.pagedRawBytes() / held.pagedStoredBytes();
            // no room: copies go with their pins
            pager.budget().resize(0);
            for (int pass = 0; pass < 2; pass++) {
                start = System.nanoTime();
                for (int i = 0; i < IMAGES; i++) {
                    try (Pin pin = images.get(i).pin()) {
                        MemorySegment.copy(
                                bytes, pin.offset(), bytes, target.offset(), IMAGE_BYTES);
                    }
                }
                double rate = perSecond(bytesAll, start);
                if (pass == 0) {
                    in = Math.max(in, rate);
                } else {
                    again = Math.max(again, rate);
                }
            }
            start = System.nanoTime();
            for (int i = 0; i < IMAGES; i++) {
                images.get(i).pin().close();
            }
            pinMicros = Math.min(pinMicros, (System.nanoTime() - start) / 1e3 / IMAGES);
            pager.budget().resize(IMAGE_BYTES * IMAGES * 2);
            images.forEach(Image::close);
        }
        System.out.printf(
                "%-5s %9.0f %8.0f %14.0f / %.0f %22.1f %14.1f %8.2f   (resident copy %.0f, crc %.0f)%n",
                codec, out, channel, in, again, pinMicros, residentNanos, ratio, copy, checksum);
        target.close();
        pager.close();
        memory.close();
    }

    /** The same bytes to a new file through a channel: what the system can do at best. */
    private static double channelRate(Path directory, NativeMemory memory, List<Image> images)
            throws IOException {
        Path file = Files.createTempFile(directory, "figures", ".tmp");
        try (FileChannel out =
                FileChannel.open(
                        file, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE)) {
            long start = System.nanoTime();
            for (Image image : images) {
                try (Pin pin = image.pin()) {
                    var buffer = memory.segment().asSlice(pin.offset(), IMAGE_BYTES).asByteBuffer();
                    while (buffer.hasRemaining()) {
                        out.write(buffer);
                    }
                }
            }
            return perSecond(IMAGE_BYTES * (double) images.size(), start);
        }
    }

    private static double perSecond(double bytes, long startNanos) {
        return bytes / 1e6 / ((System.nanoTime() - startNanos) / 1e9);
    }

    /** Half sorted numbers, half text-like bytes. */
    private static Lease filled(NativeMemory memory, int seed) {
        Lease lease = memory.allocate(IMAGE_BYTES);
        SplittableRandom random = new SplittableRandom(seed);
        long value = seed;
        for (long i = 0; i < IMAGE_BYTES; i += Long.BYTES) {
            value += 1 + random.nextInt(1000);
            long word = i < IMAGE_BYTES / 2 ? value : random.nextLong() & 0x0F0F0F0F0F0F0F0FL;
            memory.segment().set(Layouts.LONG, lease.offset() + i, word);
        }
        return lease;
    }
}
