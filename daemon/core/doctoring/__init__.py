"""What `orderferry doctor` makes of what it finds: values in, findings out."""
