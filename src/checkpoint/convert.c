/* dm_checkpoint_write_converted: the same model in transformers' dialect. */
#include "base/memory.h"
#include "base/path.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/companions.h"
#include "checkpoint/model_writer.h"
#include "checkpoint/output_directory.h"

static void read_weight(void *context, const struct dm_parameter *parameter, size_t first, size_t n,
                        float *out) {
    dm_weight_to_float(dm_checkpoint_weight(context, parameter->layer, parameter->index), first, n,
                       out);
}

static dm_status copy_settings(const char *input, const char *output, dm_error *error) {
    struct dm_file_writer writer;
    char *path = dm_path_join(output, "decimamba.json");
    dm_status status =
        path ? dm_settings_copy(input, path, &writer, error) : dm_fail_memory(error, "a file name");
    dm_memory_free(path);
    return status || !writer.path ? status : dm_file_writer_commit(&writer, error);
}

static dm_status copy_companions(const char *input, const char *output, dm_error *error) {
    struct dm_companions companions;
    dm_status status = dm_companions_read(&companions, input, NULL, error);
    if (status)
        return status;
    status = dm_companions_write(&companions, output, error);
    dm_companions_close(&companions);
    return status ? status : copy_settings(input, output, error);
}

dm_status dm_checkpoint_write_converted(const char *input, const char *output, dm_dtype dtype,
                                        dm_error *error) {
    struct dm_checkpoint *checkpoint;
    struct dm_output_directory directory;
    dm_status status = dm_checkpoint_open(input, &checkpoint, error);
    if (status)
        return status;
    if (dtype == DM_DTYPE_AUTO)
        dtype = dm_checkpoint_dtype(checkpoint);
    status = dm_output_directory_open(&directory, output, error);
    if (!status) {
        struct dm_weight_source source = {read_weight, checkpoint};
        status = dm_model_write(directory.temporary.name, dm_checkpoint_config(checkpoint), dtype,
                                &source, error);
        if (!status)
            status = copy_companions(input, directory.temporary.name, error);
        if (!status)
            status = dm_checkpoint_check(checkpoint, error);
        if (!status)
            status = dm_output_directory_commit(&directory, error);
        else
            dm_output_directory_abort(&directory);
    }
    dm_checkpoint_close(checkpoint);
    return status;
}
